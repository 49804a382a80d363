import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config.js';
import { lookAgain } from '../../src/contract.js';
import { obtainTemporalCli } from '../../src/dev/temporal-cli.js';
import { type House, openHouse } from '../support/house.js';
import { temporal } from '../support/services.js';
import { setPolicy, setSquadPaused } from '../support/settings.js';
import { eventually, type Filed, file } from '../support/tasks.js';

let house: House;
beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house.close());

const ofLead = async (input: object = {}): Promise<Filed> => {
  const task = await file(house, {}, { assignee: 'lead', ...input });
  await task.until('INBOX');
  return task;
};
const decisionsOf = (task: Filed) => house.database.sql`
  select question, decision, d.by, d.door from decisions d join tasks t on t.id = d.task_id
  where t.workflow_id = ${task.workflowId} order by d.at`;

describe('a LEAD waits for a person', () => {
  test('and says so; an approval by update lets it go on', async () => {
    const task = await ofLead();
    await eventually(async () =>
      expect(await task.state()).toMatchObject({ status: 'INBOX', waitingFor: 'approval' }),
    );
    expect((await task.timeline()).at(-1)).toContain(
      "Status: INBOX — waits for a person's approval",
    );
    expect(await task.runs()).toEqual([]);
    await task.say('approve');
    expect(await task.result()).toMatchObject({ status: 'DONE' });
    expect(await decisionsOf(task)).toMatchObject([
      { question: 'admission:lead', decision: 'admitted', by: 'person:ann', door: 'temporal' },
    ]);
  });

  test('by a signal without a name: the record says that nobody was named', async () => {
    const task = await ofLead();
    await task.handle.signal('approve');
    await task.result();
    expect(await decisionsOf(task)).toMatchObject([{ by: 'person:unnamed', door: 'temporal' }]);
  });

  test('by the bare command line of Temporal', async () => {
    const task = await ofLead();
    const { temporalCli: named, searchPath, cacheDir } = loadConfig();
    const { path } = await obtainTemporalCli({ named, searchPath, cacheDir });
    const { address, namespace } = temporal();
    const where = ['--address', address, '--namespace', namespace];
    const input = ['--name', 'approve', '--input', '{"by":"person:ann"}'];
    const signal = ['workflow', 'signal', '--workflow-id', task.workflowId, ...input];
    await promisify(execFile)(path, [...signal, ...where]);
    expect(await task.result()).toMatchObject({ status: 'DONE' });
  });

  test('an agent may not approve, whatever it calls itself', async () => {
    const task = await ofLead();
    await expect(task.say('approve', { by: 'agent:lead' })).rejects.toMatchObject({
      cause: { type: 'NotPermitted' },
    });
    expect(await task.record()).toMatchObject({ status: 'INBOX' });
    await task.say('reject', { reason: 'not now' });
    expect(await task.result()).toMatchObject({ status: 'REJECTED' });
    expect(await task.record()).toMatchObject({ ended_by: 'person:ann', ended_reason: 'not now' });
  });

  test('a name stands in one line, whoever wrote it', async () => {
    const task = await ofLead();
    const by = 'person:ann\u001b[31m\nRejected by person:bob';
    await task.handle.signal('approve', { by });
    expect(await task.result()).toMatchObject({ status: 'DONE' });
    const names = await house.database.sql<{ name: string }[]>`
      select a.principal as name from audit a join tasks t on t.id::text = a.subject
      where t.workflow_id = ${task.workflowId} and a.action = 'task.approve'
      union select d.by from decisions d join tasks t on t.id = d.task_id
      where t.workflow_id = ${task.workflowId} and d.by like 'person:%'`;
    expect(names).toEqual([{ name: 'person:ann-[31m-Rejected-by-person:bob' }]);
    const cancelled = await ofLead();
    await cancelled.handle.signal('cancel', { by });
    expect(await cancelled.result()).toMatchObject({ status: 'CANCELLED' });
    expect((await cancelled.record()).ended_by).toBe('person:ann-[31m-Rejected-by-person:bob');
  });

  test('approve and reject at once: one decision, the other is told so', async () => {
    const task = await ofLead();
    const answers = await Promise.allSettled([task.say('approve'), task.say('reject')]);
    expect(answers.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const refused = answers.find((answer) => answer.status === 'rejected');
    // A rejection ends the workflow: the other message may find it closing.
    const { cause, message } = refused?.reason ?? {};
    expect(cause?.type ?? message).toMatch(/AlreadyDecided|WrongState|closing workflow|completed/);
    await task.result();
    expect(await decisionsOf(task)).toHaveLength(1);
  });
});

describe('policy', () => {
  test('a change takes effect on who waits already', async () => {
    await setPolicy(house, 'auto-approve', { enabled: false });
    const task = await file(house, {});
    await task.until('INBOX');
    await setPolicy(house, 'auto-approve', { enabled: true });
    await task.handle.signal(lookAgain);
    expect(await task.result()).toMatchObject({ status: 'DONE' });
    expect(await decisionsOf(task)).toMatchObject([{ by: 'policy:auto-approve', door: 'policy' }]);
  });

  test('a lower priority is decided at once', async () => {
    const value = { maxPriority: 'NORMAL', allowedAgentTypes: ['SPC', 'INT'] };
    await setPolicy(house, 'auto-approve', { value });
    const task = await file(house, {}, { priority: 'URGENT' });
    await task.until('INBOX');
    await task.say('reprioritise', { priority: 'normal' });
    expect(await task.result()).toMatchObject({ status: 'DONE' });
  });
});

describe('reassign', () => {
  test('in the inbox, from a LEAD: the policy decides about the new one at once', async () => {
    const task = await ofLead();
    await task.say('reassign', { executor: 'writer' });
    expect(await task.result()).toMatchObject({ status: 'DONE' });
    expect(await decisionsOf(task)).toMatchObject([{ question: 'admission:writer' }]);
  });

  test('while queued: the run is cancelled; the next number is the new executor’s', async () => {
    await setSquadPaused(house, true);
    const task = await file(house, {});
    await eventually(async () => expect(await task.told()).toEqual(['EXECUTION 1 QUEUED']));
    await eventually(async () =>
      expect(await task.state()).toMatchObject({ waitingFor: 'squad-paused' }),
    );
    await task.say('reassign', { executor: 'writer', reviewers: ['tester'] });
    await eventually(async () =>
      expect(await task.told()).toEqual(['EXECUTION 1 CANCELLED', 'EXECUTION 2 QUEUED']),
    );
    await setSquadPaused(house, false);
    expect(await task.result()).toMatchObject({ status: 'DONE', cycles: 1 });
    expect(await task.runs()).toMatchObject([
      { agent_id: 'implementer' },
      { agent_id: 'writer', number: 2 },
      { agent_id: 'tester' },
    ]);
    expect((await task.timeline())[1]).toContain('Execution 1 [Implementer] CANCELLED');
  });

  test('to a LEAD in the middle of its life: it needs approval again', async () => {
    const failing = { report: 'x', faults: { fail: { turn: 1, message: 'no' } } };
    const task = await file(house, { executions: [failing] }, { assignee: 'intern' });
    await task.until('BLOCKED', 'execution-failed');
    await task.say('reassign', { executor: 'lead' });
    await task.until('INBOX');
    await eventually(async () =>
      expect(await task.state()).toMatchObject({ waitingFor: 'approval' }),
    );
    expect(await task.told()).toEqual(['EXECUTION 1 FAILED']);
    await task.say('approve');
    expect(await task.result()).toMatchObject({ status: 'DONE' });
    expect((await task.runs())[1]).toMatchObject({ number: 2, agent_id: 'lead' });
  });
});

test('messages are applied in the order in which they came', async () => {
  const task = await ofLead();
  for (let again = 0; again < 5; again++) {
    await task.handle.signal('pause');
    await task.handle.signal('resume');
  }
  await task.handle.signal('approve');
  expect(await task.result()).toMatchObject({ status: 'DONE' });
  const said = await house.database.sql<{ action: string }[]>`
    select action from audit a join tasks t on t.id::text = a.subject
    where t.workflow_id = ${task.workflowId} and action ~ 'pause|resume|approve' order by a.id`;
  expect(said.map(({ action }) => action)).toEqual([
    ...Array(5).fill(['task.pause', 'task.resume']).flat(),
    'task.approve',
  ]);
});
