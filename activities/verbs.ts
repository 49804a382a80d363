import { uuidv7 } from 'uuidv7';
import { applyVerb } from '../drizzle/steps.js';
import type { VerbAnswer, VerbMessage } from '../src/contract.js';
import { asPrincipal, isPerson } from '../src/domain/principal.js';
import { isTerminal, legalVerbs, VERB_LEGAL_IN, type Verb } from '../src/domain/task.js';
import { checkRequest, InvalidTaskInput } from '../src/schema/request.js';
import { factsOf, reconsider } from './begin-task.js';
import { cleaned } from './cleaned.js';
import type { Deps } from './deps.js';
import { wake } from './wake.js';

/** After these, policy may admit what waits in the inbox. */
const CHANGES_ADMISSION: ReadonlySet<Verb> = new Set(['reassign', 'reprioritise']);

/** Applies what a person asks of a task, once, and answers in one sentence what came of it. */
export async function apply(deps: Deps, taskId: string, raw: VerbMessage): Promise<VerbAnswer> {
  const message = cleaned({ ...raw, by: asPrincipal(raw.by) });
  const refusal = await refusalOf(deps, taskId, message);
  const legalIn = refusal === null ? VERB_LEGAL_IN[message.verb] : [];
  const refused = refusal?.error ?? null;
  const given = { ...message, task: taskId, legalIn, refused, freshId: uuidv7() };
  const { answer, wake: promoted } = await applyVerb(deps.database, given);
  await wake(promoted);
  if (refusal !== null) return { ...answer, ...refusal };
  if (answer.error !== null) return { ...answer, message: whyNot(message, answer) };
  // Policy may admit what is another agent's now, or of another priority.
  const changed = answer.status === 'INBOX' && CHANGES_ADMISSION.has(message.verb);
  const admission = changed ? await reconsider(deps, taskId) : answer.admission;
  return { ...answer, admission, message: done(message) };
}

/** Applies messages that came at once, one after the other; again from the first after a crash. */
export async function applyAll(deps: Deps, taskId: string, messages: readonly VerbMessage[]) {
  const answers: Omit<VerbAnswer, 'runs'>[] = [];
  let latest: VerbAnswer['runs'] = [];
  for (const message of messages) {
    const { runs, ...answer } = await apply(deps, taskId, message);
    answers.push(answer);
    latest = runs;
  }
  return { answers, runs: latest };
}

/** What is wrong with a message whatever the task's status; null when nothing is. */
async function refusalOf(
  deps: Deps,
  taskId: string,
  { verb, by, executor, reviewers }: VerbMessage,
): Promise<Pick<VerbAnswer, 'error' | 'message'> | null> {
  // Agents never hold a right over a task's course; free text of theirs decides nothing.
  if (!isPerson(by)) {
    return { error: 'NotPermitted', message: `${by} may not ${verb} a task: only a person may` };
  }
  if (verb !== 'reassign') return null;
  const { record, roster } = await factsOf(deps, taskId);
  try {
    const twice = reviewers?.find((each, index) => reviewers.indexOf(each) < index);
    if (twice !== undefined) {
      return { error: 'InvalidMessage', message: `reviewers: ${twice} is named twice` };
    }
    const assignee = executor ?? record.assignee;
    const asked = { assignee, reviewers: reviewers ?? record.reviewers, repository: null };
    checkRequest(asked, roster, []);
    return null;
  } catch (error) {
    if (!(error instanceof InvalidTaskInput)) throw error;
    const said = error.message.replace('input.assignee', 'executor');
    return { error: 'InvalidMessage', message: said.replace(/input\.reviewer\b/, 'reviewers') };
  }
}

const done = ({ verb, by }: VerbMessage) =>
  verb === 'cancel'
    ? `cancel: asked by ${by}; what runs is stopped first`
    : `${verb}: done, by ${by}`;

function whyNot(message: VerbMessage, answer: Omit<VerbAnswer, 'message'>): string {
  const { status, blocked, admission } = answer;
  if (answer.error === 'AlreadyDecided' && admission.kind !== 'waits') {
    return `already ${admission.kind} by ${admission.by}; the first decision stands`;
  }
  const where = blocked === null ? status : `${status} (${blocked})`;
  if (isTerminal(status)) return `${message.verb} is not possible: the task is ${where}`;
  const legal = legalVerbs(status, blocked).filter((verb) => verb !== message.verb);
  const possible = legal.join(', ');
  return `${message.verb} is not possible while the task is ${where}; possible now: ${possible}`;
}
