import { getClient } from '@temporalio/activity';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { uuidv7 } from 'uuidv7';
import {
  endTask,
  type FollowUpFacts,
  fileFollowUps,
  readFollowUps,
  type ToStart,
} from '../drizzle/steps.js';
import { taskStart, taskWorkflowId } from '../src/contract.js';
import { clampFollowUps } from '../src/domain/spawn.js';
import type { FollowUp } from '../src/domain/verdict.js';
import type { Deps } from './deps.js';
import { wake } from './wake.js';

/**
 * Files what verdicts asked for, once, and starts it. Which are filed is decided here under the
 * caps of now; when the tree has grown meanwhile, it is decided again. What is refused is recorded.
 */
export async function fileFollowUpsOf(
  deps: Deps,
  taskId: string,
  kind: 'SPAWN' | 'REVISION+SPAWN',
): Promise<void> {
  for (;;) {
    const facts = await readFollowUps(deps.database, taskId);
    const run = facts.runs.find((each) => each.kind === kind);
    if (run === undefined) return;
    const answer = await fileFollowUps(deps.database, { run: run.id, ...decided(facts, run) });
    if (answer.kind === 'filed') await startTasks(deps, answer.start ?? []);
  }
}

function decided(facts: FollowUpFacts, run: FollowUpFacts['runs'][number]) {
  const treeSize = facts.titles.length;
  // A landing that sent the task back made another verdict necessary: only the last one counts.
  const replaced = run.kind === 'SPAWN' && run.cycle < facts.cycles;
  const caps = facts.policy.enabled
    ? facts.policy.value
    : { maxDepth: 0, maxPerVerdict: 0, maxPerTree: 0 };
  const { depth, titles } = facts;
  const clamped = clampFollowUps(run.followUps, caps, { depth, treeSize, titles });
  const refused = replaced
    ? run.followUps.map(({ title }, index) => ({
        index,
        title,
        why: 'a later verdict replaced it',
      }))
    : clamped.refused;
  const filed = replaced ? [] : clamped.filed;
  const tasks = filed.map(({ index, followUp }) => {
    const id = uuidv7();
    const request = requestOf(followUp, facts, `agent:${run.agent}`);
    return { id, workflowId: taskWorkflowId(id), door: 'agent', request, originIndex: index };
  });
  const notes = filed.flatMap(({ followUp: { title, assignee } }) =>
    assignee === undefined || facts.roster.includes(assignee)
      ? []
      : [{ title, note: `${assignee} is not an agent; given to ${facts.assignee}` }],
  );
  return { treeSize, refused, notes, tasks };
}

/** Without an assignee that there is, it goes to whoever had the task it came from. */
function requestOf(followUp: FollowUp, { assignee, roster }: FollowUpFacts, owner: string) {
  const { title, description, acceptance, priority } = followUp;
  const wanted = followUp.assignee ?? assignee;
  return {
    title,
    description,
    acceptance,
    priority: priority ?? 'NORMAL',
    assignee: roster.includes(wanted) ? wanted : assignee,
    reviewers: [],
    repository: null,
    owner,
    source: null,
    key: null,
  };
}

/** Starts the workflows of filed tasks; what is missed here upkeep starts. */
export async function startTasks(deps: Deps, tasks: readonly ToStart[]): Promise<void> {
  const { workflow } = getClient();
  await Promise.all(
    tasks.map(async (task) => {
      try {
        await workflow.start('task', taskStart(task, deps.taskQueue));
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
        const ended = await endTask(deps.database, {
          task: task.id,
          status: 'CANCELLED',
          by: 'system:upkeep',
          door: 'system',
          reason: 'its workflow ended in Temporal before it was registered',
        });
        await wake(ended.wake);
      }
    }),
  );
}
