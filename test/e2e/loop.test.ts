import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TaskOutcome } from '../../src/contract.js';
import { type House, openHouse } from '../support/house.js';

let house: House;
beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house.close());

const scenario = (body: object) => `Do it.\n\n\`\`\`scenario\n${JSON.stringify(body)}\n\`\`\`\n`;

test('a task is executed, sent back, executed again, reviewed and stored', async () => {
  const handle = await house.client.workflow.start('task', {
    taskQueue: house.taskQueue,
    workflowId: `anything-${house.taskQueue}`,
    args: [
      {
        title: 'Implement search pagination',
        description: scenario({
          executions: [
            { turns: [{ files: { 'search.txt': 'page 1' } }], report: 'Missing error handling' },
            { turns: [{ files: { 'search.txt': 'page 2' } }], report: 'Error handling added' },
          ],
          reviews: [
            {
              turns: [],
              verdict: {
                verdict: 'REVISION',
                summary: 'Add error handling',
                issues: [{ severity: 'blocking', text: 'Add error handling' }],
              },
            },
            { turns: [], verdict: { verdict: 'APPROVED', summary: 'Good' } },
          ],
        }),
      },
    ],
  });
  const outcome = (await handle.result()) as TaskOutcome;
  expect(outcome).toMatchObject({ status: 'DONE', cycles: 2, rehearsed: true });
  const [last] = await house.database.sql<{ diff: string }[]>`
    select stored_text(diff_sha) as diff from runs where task_id = ${outcome.taskId}::uuid
      and kind = 'EXECUTION' and number = 2`;
  // The whole result, not only what the revision changed: it is what the reviewer judges.
  expect(last?.diff).toContain('+page 2');
  expect(last?.diff).not.toContain('-page 1');
  expect(await handle.query('timeline')).toEqual([
    'Task: "Implement search pagination" (REHEARSED)',
    '├─ Execution 1 [Implementer] SUCCEEDED — Missing error handling',
    '├─ Review 1 [Reviewer] SUCCEEDED — Verdict: REVISION: Add error handling',
    '├─ Execution 2 [Implementer] SUCCEEDED — Error handling added',
    '├─ Review 2 [Reviewer] SUCCEEDED — Verdict: APPROVED',
    '└─ Status: DONE',
  ]);
});
