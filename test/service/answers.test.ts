/** What the service answers to whoever configures and files, over real records alone. */
import { beforeEach, expect, test } from 'vitest';
import { Unreachable } from '../../src/client/errors.js';
import { createService, type Service } from '../../src/service/index.js';
import { Stage } from '../drizzle/stage.js';

let stage: Stage;
let service: Service;
beforeEach(async () => {
  stage = await Stage.open();
  service = createService({
    database: stage.database,
    engine: () => Promise.reject(new Unreachable('Temporal is away', 'nowhere:1')),
    principal: 'person:ann',
    door: 'cli',
    taskQueue: 'none',
    desk: () => Promise.reject(new Error('not asked')),
  });
  return () => stage.close();
});

test('the same values again make no version, in whatever order they come', async () => {
  const same = ['allowedAgentTypes=INT,SPC', 'maxPriority=URGENT'];
  const set = await service.policies.edit('auto-approve', same, 'again');
  expect(set).toMatchObject({ changed: false, version: 1, released: 0 });
  expect(await service.policies.edit('review', ['maxCycles=4'], 'less')).toMatchObject({
    changed: true,
    version: 2,
  });
  expect(await service.policies.history('auto-approve')).toHaveLength(1);
});

test('disabled once is disabled, and it says what stops and how to take it back', async () => {
  const off = {
    enabled: false,
    stops: 'nothing runs',
    undo: 'mission policy enable execution-limits',
  };
  const disable = () => service.policies.enable('execution-limits', false, 'why not');
  expect(await disable()).toMatchObject({ ...off, changed: true, version: 2 });
  expect(await disable()).toMatchObject({ ...off, changed: false, version: 2 });
  const on = await service.policies.enable('execution-limits', true, 'back');
  expect(on).toMatchObject({ changed: true, version: 3, stops: null, undo: null });
});

test('an agent that is disabled says what stops, and once', async () => {
  await stage.setPolicy('execution-limits', { maxConcurrentPerAgent: 0 });
  await stage.begin({ assignee: 'writer' });
  const disable = (agent: string) => service.agents.enable(agent, false, 'away');
  expect(await disable('writer')).toMatchObject({
    changed: true,
    stops: 'writer starts nothing new, and 1 of its runs waits',
    undo: 'mission agent enable writer',
  });
  expect(await disable('writer')).toMatchObject({ changed: false });
  await disable('tester');
  expect((await disable('reviewer')).stops).toMatch(/; no other agent can review$/);
  expect(await service.agents.enable('writer', true, 'back')).toMatchObject({ undo: null });
});

test('the same key with another title says under which title it was filed', async () => {
  const file = (title: string) => service.tasks.file({ title, source: 'cli', key: 'k' });
  const { task, message } = await file('The first');
  expect(message).toContain(`${task} filed`);
  expect((await file('The first')).message).toContain(`${task} was filed before under this key;`);
  const other = await file('Another');
  expect(other).toMatchObject({ task, title: 'The first', created: false });
  expect(other.message).toContain('under this key, as "The first"');
});

test('what is wrong is said of fields as they are typed', async () => {
  const lead = service.policies.edit('auto-approve', ['allowedAgentTypes=SPC,LEAD'], '');
  await expect(lead).rejects.toThrow(/^auto-approve\.allowedAgentTypes: expected SPC or INT/);
  await expect(service.tasks.file({ title: ' ' })).rejects.toThrow(/^title: expected some text/);
});

test('no task that matches is told from no task; the inbox knows who waits besides', async () => {
  const list = (owner?: string) => service.tasks.list({ limit: 9, owner });
  expect(await list()).toMatchObject({ tasks: [], noTasks: true });
  await stage.setPolicy('execution-limits', { maxConcurrentPerAgent: 0 });
  await stage.begin();
  expect(await list('person:bob')).toMatchObject({ tasks: [], noTasks: false });
  expect(await list()).toMatchObject({ tasks: [{ owner: 'person:ann' }], noTasks: false });
  expect(await service.tasks.inbox({ mine: false })).toEqual([]);
  expect(await service.tasks.waitingOtherwise({ mine: true })).toBe(1);
});

test('status and why advise the same, and status counts who waits by name', async () => {
  await stage.setPolicy('execution-limits', { maxDailyPerAgent: 0 });
  const { number } = await stage.begin();
  const { standstill } = await service.tasks.why(`T-${number}`);
  const { doors, waits } = await service.status();
  const limit = doors.find(({ door }) => door === 'limit-zero');
  expect(standstill?.commands).toEqual([limit?.command]);
  expect(waits).toMatchObject([{ reason: 'daily-runs', tasks: 1 }]);
});

test('a task that only a disabled reviewer may review is a locked door', async () => {
  await stage.setAgent('tester', false);
  const { number } = await stage.begin({ reviewers: ['tester'] });
  const { doors } = await service.status();
  expect(doors.find(({ door }) => door === 'no-reviewer')).toMatchObject({
    stage: 'reviewer',
    sentence: `T-${number} waits for a reviewer, and tester, whom it names, cannot work`,
    command: 'mission agent enable tester',
  });
  const { standstill } = await service.tasks.why(`T-${number}`);
  expect(standstill?.commands).toEqual([
    'mission agent enable tester',
    `mission task reassign T-${number} --reviewer reviewer`,
  ]);
});
