import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AGENT_TYPES } from '../../src/domain/agent.js';
import { PRIORITIES } from '../../src/domain/task.js';
import { Stage } from './stage.js';

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open();
});
afterAll(() => stage.close());

const odd = fc.oneof(fc.constant(null), fc.constant('anything'), fc.integer(), fc.constant({}));
const policy = fc.record({
  enabled: fc.boolean(),
  maxPriority: fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...PRIORITIES) }, odd),
  allowedAgentTypes: fc.oneof(
    { weight: 6, arbitrary: fc.subarray([...AGENT_TYPES, 'OTHER']) },
    { weight: 1, arbitrary: odd },
    { weight: 1, arbitrary: fc.constantFrom(...AGENT_TYPES) },
  ),
});

test('what decides in words and what asks again under the lock agree on every policy', async () => {
  const agents = ['lead', 'implementer', 'intern'];
  const tasks: Awaited<ReturnType<typeof stage.begin>>[] = [];
  await stage.setPolicy('auto-approve', {}, false);
  for (const assignee of agents) {
    for (const priority of PRIORITIES) tasks.push(await stage.begin({ assignee, priority }));
  }
  const admitted = fc.asyncProperty(policy, async ({ enabled, ...value }) => {
    await stage.setPolicy('auto-approve', value, enabled);
    const rows = await stage.sql<{ id: string; admits: boolean }[]>`
      select id, policy_admits(t) as admits from tasks t`;
    for (const { taskId, assignee, priority } of tasks) {
      const { kind } = await stage.admission(assignee, priority);
      const row = rows.find(({ id }) => id === taskId);
      expect(row?.admits, `${assignee} ${priority}`).toBe(kind === 'admitted');
    }
  });
  await fc.assert(admitted, { numRuns: 60 });
});
