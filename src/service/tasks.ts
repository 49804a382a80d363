import { readAgents, readHouse } from '../../drizzle/read-house.js';
import {
  countTasks,
  listTasks,
  type RunRow,
  readTask,
  type TaskFilter,
  type TaskRecord,
  type TaskRow,
} from '../../drizzle/reads.js';
import { MissionError } from '../client/errors.js';
import { taskLabel } from '../domain/ids.js';
import { isTerminal, legalVerbs, type Verb } from '../domain/task.js';
import { timeline } from '../domain/timeline.js';
import type { ServiceDeps } from './deps.js';
import { taskNamed } from './find-task.js';
import { otherStore } from './other-store.js';
import { workerLives } from './pollers.js';
import { type Standstill, standstillOf } from './waits.js';

/** A task with its label and why it stands still, when it does. */
export type Listed<T extends TaskRow = TaskRow> = T & {
  readonly task: string;
  readonly standstill: Standstill | null;
};

export interface TaskPage {
  readonly tasks: readonly Listed[];
  /** The number to go on before; null at the end. */
  readonly next: number | null;
  /** No task at all, whatever the filter: an empty page of others only says that none matches. */
  readonly noTasks: boolean;
}

/** Newest first; a page at a time. */
export async function list(deps: ServiceDeps, filter: TaskFilter): Promise<TaskPage> {
  const { database } = deps;
  const [rows, agents] = await Promise.all([
    listTasks(database, { ...filter, limit: filter.limit + 1 }),
    readAgents(database),
  ]);
  const tasks = rows.slice(0, filter.limit);
  return {
    tasks: tasks.map((row) => listed(row, standstillOf(row, { workerLives: null, agents }))),
    next: rows.length > filter.limit ? (tasks.at(-1)?.number ?? null) : null,
    noTasks: tasks.length === 0 && (await countTasks(database, {})) === 0,
  };
}

export interface TaskDetails extends Listed<TaskRecord> {
  readonly timeline: readonly string[];
  /** The verbs that are legal now. */
  readonly legal: readonly Verb[];
}

/** The whole record of a task with its timeline. */
export async function show(deps: ServiceDeps, name: string): Promise<TaskDetails> {
  const { id } = await taskNamed(deps.database, name);
  const record = await readTask(deps.database, id);
  const standstill = await explain(deps, record);
  return {
    ...listed(record, standstill),
    timeline: timelineOf(record, standstill),
    legal: legalVerbs(record.status, record.blocked),
  };
}

/** What the task waits for at this moment, or null when it goes on by itself. */
export async function why(deps: ServiceDeps, name: string): Promise<Listed> {
  const row = await taskNamed(deps.database, name);
  return listed(row, await explain(deps, row));
}

/** All that waits for a person's decision, oldest first. */
export async function inbox(
  deps: ServiceDeps,
  options: { readonly mine: boolean },
): Promise<readonly Listed[]> {
  const owner = options.mine ? deps.principal : undefined;
  const [rows, agents] = await Promise.all([
    listTasks(deps.database, { forPerson: true, owner, limit: 1000 }),
    readAgents(deps.database),
  ]);
  return rows
    .toReversed()
    .map((row) => listed(row, standstillOf(row, { workerLives: null, agents })));
}

export const waitingOtherwise = (
  { database, principal }: ServiceDeps,
  { mine }: { readonly mine: boolean },
): Promise<number> =>
  countTasks(database, {
    waiting: true,
    forPerson: false,
    owner: mine ? principal : undefined,
  });

const listed = <T extends TaskRow>(row: T, standstill: Standstill | null): Listed<T> => ({
  ...row,
  task: taskLabel(row.number),
  standstill,
});

async function explain(deps: ServiceDeps, row: TaskRow): Promise<Standstill | null> {
  if (isTerminal(row.status)) return null;
  // Asked only where nothing else explains it: it costs the start of Temporal's client.
  const isSilent =
    row.started && row.blocked === null && row.status !== 'INBOX' && row.queued.length === 0;
  const [lives, agents] = await Promise.all([
    isSilent ? workerLives(deps) : null,
    readAgents(deps.database),
  ]);
  const still = standstillOf(row, { workerLives: lives, agents });
  return still?.reason === 'no-worker' ? await whyNoWorker(deps, still) : still;
}

/** Workers wait while another Temporal store answers; starting more of them would not help. */
async function whyNoWorker(deps: ServiceDeps, still: Standstill): Promise<Standstill> {
  try {
    const [house, engine] = await Promise.all([readHouse(deps.database), deps.engine()]);
    const [door] = otherStore(house, await engine.store());
    if (door === undefined || door.command === null) return still;
    const sentence = `${still.sentence}: ${door.sentence}`;
    return { ...still, sentence, commands: [door.command] };
  } catch (error) {
    if (error instanceof MissionError) return still;
    throw error;
  }
}

const timelineOf = (record: TaskRecord, standstill: Standstill | null): string[] =>
  timeline(
    {
      number: record.number,
      title: record.title,
      status: record.status,
      blockedBy: record.blocked,
      rehearsed: record.rehearsed,
      waits: standstill?.sentence ?? null,
    },
    record.runs.map(timelineRun),
  );

const timelineRun = ({ byPerson, agentName: agent, ...run }: RunRow) => ({
  ...run,
  agent,
  summary: run.summary ?? run.question,
  byPerson: byPerson !== null,
});
