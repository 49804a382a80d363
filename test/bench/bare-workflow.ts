import { proxyActivities } from '@temporalio/workflow';
import type { BareActivities, BareInput } from './bare-worker.js';

const { execute, review } = proxyActivities<BareActivities>({
  startToCloseTimeout: '7 days',
  heartbeatTimeout: '30s',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '5m' },
});

/** The plainest loop that does the same runs: no record, no rules, no waiting. */
export async function bare({ cycles, agentMs }: BareInput): Promise<string> {
  for (let cycle = 1; cycle <= cycles; cycle++) {
    await execute(cycle, agentMs);
    await review(cycle, agentMs);
  }
  return 'DONE';
}
