import { uuidv7 } from 'uuidv7';
import { type BeginFacts, beginTask, decideAgain, readForBegin } from '../drizzle/steps.js';
import type { AdmissionAnswer, Begun, ExecutionId } from '../src/contract.js';
import { type Admission, decideAdmission } from '../src/domain/admission.js';
import { taskLabel } from '../src/domain/ids.js';
import type { Priority, TaskRequest } from '../src/domain/task.js';
import { checkRequest, InvalidTaskInput, parseTaskRequest } from '../src/schema/request.js';
import type { Deps } from './deps.js';
import { refused } from './failures.js';
import { wake } from './wake.js';

/**
 * Registers a task from whatever a client sent, or finds the open record to re-enter; decides its
 * admission by policy; opens Execution 1. Bad input fails for good, and nothing is stored.
 */
export async function registerTask(
  deps: Deps,
  input: unknown,
  execution: ExecutionId,
): Promise<Begun> {
  const { workflowId, firstExecutionRunId } = execution;
  const facts = await readForBegin(deps.database, workflowId);
  // A filed record was checked by the door that filed it, and is the truth about what is asked.
  const request = facts.record === null ? checkedRequest(input, facts) : null;
  const about = facts.record ?? request;
  if (about === null) throw new Error('neither a record nor a request');
  const answer = await beginTask(deps.database, {
    id: uuidv7(),
    workflowId,
    firstExecutionRunId,
    door: 'temporal',
    request,
    admission: admissionOf(about, facts),
    first: { id: uuidv7(), kind: 'EXECUTION', number: 1, cycle: 1, seat: 0 },
  });
  if (answer.error === 'DuplicateKey') {
    const { number, workflowId: standing } = answer;
    const message = `this source and key have filed ${taskLabel(number)} already, as ${standing}`;
    throw refused('DuplicateKey', message, { number, workflowId: standing });
  }
  if (answer.error !== undefined) {
    const ended = `${taskLabel(answer.number)} has ended (${answer.status}); file a new task`;
    throw refused(answer.error, ended, { number: answer.number, status: answer.status });
  }
  await wake(answer.wake);
  const { rounds = [] } = facts.record ?? {};
  return { ...answer.begun, rounds, shownAtStart: true };
}

/** Decides a waiting task's admission again, under the policy and the roster of now. */
export async function reconsider(deps: Deps, taskId: string): Promise<AdmissionAnswer> {
  const { record, ...facts } = await factsOf(deps, taskId);
  return decideAgain(deps.database, taskId, admissionOf(record, facts));
}

/** A task's record, with the roster and the policy of now. */
export async function factsOf(deps: Deps, taskId: string) {
  const [row] = await deps.database.sql<{ workflowId: string }[]>`
    select workflow_id as "workflowId" from tasks where id = ${taskId}::uuid`;
  const facts = await readForBegin(deps.database, row?.workflowId ?? '');
  const { record } = facts;
  if (record === null) throw new Error(`task ${taskId} has no record`);
  return { ...facts, record };
}

function checkedRequest(input: unknown, facts: BeginFacts): TaskRequest {
  try {
    const request = parseTaskRequest(input ?? {});
    checkRequest(request, facts.roster, facts.repositories);
    return request;
  } catch (error) {
    if (!(error instanceof InvalidTaskInput)) throw error;
    throw refused('InvalidTaskInput', error.message, { field: error.field });
  }
}

function admissionOf(
  about: { readonly assignee: string; readonly priority: Priority },
  facts: Pick<BeginFacts, 'roster' | 'policy'>,
): Admission {
  const agent = facts.roster.find(({ id }) => id === about.assignee);
  if (agent === undefined) throw new Error(`${about.assignee} is not in the roster`);
  return decideAdmission({
    priority: about.priority,
    agentType: agent.type,
    agentId: agent.id,
    policy: facts.policy,
  });
}
