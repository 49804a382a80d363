import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkInvariants } from '../../drizzle/invariants.js';
import { attribute } from '../../src/contract.js';
import { EMPTY_ROOT } from '../../src/workspace/index.js';
import { type House, openHouse } from '../support/house.js';
import { addRepository } from '../support/repository.js';
import { approved, eventually, execution, type Filed, file, revision } from '../support/tasks.js';

let house: House;
beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house.close());

/** A cycle of two runs, and what each further run may add. */
const FIRST_TWO = 40;
const EACH_MORE = 14;

const eventsOf = async (task: Filed): Promise<number> => {
  await task.result();
  return (await task.handle.fetchHistory()).events?.length ?? 0;
};

const localActivitiesOf = async (task: Filed): Promise<string[]> => {
  const { events } = await task.handle.fetchHistory();
  return (events ?? []).flatMap(({ markerRecordedEventAttributes: marker }) =>
    (marker?.details?.data?.payloads ?? []).map(
      ({ data }) => JSON.parse(new TextDecoder().decode(data ?? undefined)).activity_type,
    ),
  );
};

const recordOf = async ({ workflowId }: Filed) => {
  const [row] = await house.database.sql<{ id: string; status: string; landedFrom: string }[]>`
    select id, status, landed_from as "landedFrom" from tasks where workflow_id = ${workflowId}`;
  if (row === undefined) throw new Error(`${workflowId} has no record`);
  return row;
};

describe('events of history', () => {
  const cycles = (count: number) => ({
    executions: Array.from({ length: count }, (_, index) => execution(`try ${index}`)),
    reviews: [...Array(count - 1).fill(revision('no')), approved],
  });

  test('a cycle of two runs, and every further run', async () => {
    const [one, two, three] = await Promise.all(
      [1, 2, 3].map(async (count) => eventsOf(await file(house, cycles(count)))),
    );
    console.log(`events of history: ${one} for two runs, ${two} for four, ${three} for six`);
    expect(one).toBeLessThanOrEqual(FIRST_TWO);
    expect(two).toBeLessThanOrEqual(FIRST_TWO + 2 * EACH_MORE);
    expect(three).toBeLessThanOrEqual(FIRST_TWO + 4 * EACH_MORE);
  });

  test('a close opens the run after it: one local activity in a plain life', async () => {
    const task = await file(house, cycles(2));
    await task.result();
    expect(await localActivitiesOf(task)).toEqual(['beginTask']);
  });

  test('words alone: 22 events for two runs, no store of files, landed where it ends', async () => {
    const followUps = { verdict: 'SPAWN', summary: 'Good', spawn: [{ title: 'And then' }] };
    const task = await file(house, {
      executions: [{ turns: [], report: 'It is so.' }],
      reviews: [{ verdict: followUps }],
    });
    expect(await eventsOf(task)).toBe(22);
    expect(await localActivitiesOf(task)).toEqual(['beginTask', 'landWords']);
    const { id, status, landedFrom } = await recordOf(task);
    expect({ status, landedFrom }).toEqual({ status: 'DONE', landedFrom: EMPTY_ROOT });
    const [spawned] = await house.database.sql`select title from tasks where parent_id = ${id}`;
    expect(spawned).toEqual({ title: 'And then' });
    expect(existsSync(join(house.home, 'mirrors', `task-${id}.git`))).toBe(false);
    expect(await checkInvariants(house.database)).toEqual([]);
  });

  test('with two reviewers, and in a repository', async () => {
    const repository = await addRepository(house, { landing: 'merge' });
    const input = { repository: repository.name, reviewers: ['reviewer', 'tester'] };
    const events = await eventsOf(await file(house, cycles(1), input));
    console.log(`events of history: ${events} for three runs`);
    expect(events).toBeLessThanOrEqual(FIRST_TWO + EACH_MORE);
  });
});

test('what Temporal shows of a task: attributes, summaries, details, descriptions', async () => {
  const asking = { turns: [], report: 'told', faults: { ask: { turn: 1, question: 'blue?' } } };
  const task = await file(
    house,
    { executions: [asking] },
    { title: 'Paint it', priority: 'HIGH', reviewer: 'tester' },
  );
  await task.until('BLOCKED', 'question');
  await eventually(async () => {
    const { typedSearchAttributes: shown } = await task.handle.describe();
    expect(shown.get(attribute.status)).toBe('BLOCKED');
    expect(shown.get(attribute.waitingFor)).toBe('question');
    expect(shown.get(attribute.priority)).toBe('HIGH');
    expect(shown.get(attribute.assignee)).toBe('implementer');
    expect(shown.get(attribute.reviewers)).toEqual(['tester']);
    expect(shown.get(attribute.cycles)).toBe(1);
  });
  const metadata = await task.handle.query<{
    definition: { signalDefinitions: { name: string; description: string }[] };
    currentDetails: string;
  }>('__temporal_workflow_metadata');
  expect(metadata.currentDetails).toContain('Task: "Paint it" (REHEARSED)');
  expect(metadata.currentDetails).toContain('Execution 1 [Implementer] QUEUED');
  expect(metadata.currentDetails).toContain('BLOCKED (question)');
  const { signalDefinitions } = metadata.definition;
  const answer = signalDefinitions.find(({ name }) => name === 'answer');
  expect(answer?.description).toContain('{"by":"person:ann","text":');
  await task.say('answer', { text: 'yes' });
  await task.result();
  const { events } = await task.handle.fetchHistory();
  const summaries = (events ?? []).flatMap(({ userMetadata }) =>
    userMetadata?.summary?.data
      ? [JSON.parse(new TextDecoder().decode(userMetadata.summary.data))]
      : [],
  );
  expect(summaries).toEqual([
    'Execution 1 · Implementer',
    'answer by person:ann',
    'Execution 1 · Implementer',
    'Review 1 · Tester',
    'Landing 1',
  ]);
  const { typedSearchAttributes: last } = await task.handle.describe();
  expect(last.get(attribute.status)).toBe('DONE');
  expect(last.get(attribute.waitingFor)).toBeUndefined();
});
