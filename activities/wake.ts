import { getClient } from '@temporalio/activity';
import { WorkflowNotFoundError } from '@temporalio/client';
import type { Wake } from '../drizzle/steps.js';
import { runPromoted } from '../src/contract.js';

/**
 * Wakes the workflows whose runs were promoted. Awaited before the activity returns, so that a
 * crash in between repeats it; a workflow that is closed or missing is upkeep's to look at.
 */
export async function wake(promoted: readonly Wake[]): Promise<void> {
  await Promise.all(
    promoted.map(async ({ run, workflowId }) => {
      try {
        await getClient().workflow.getHandle(workflowId).signal(runPromoted, { run });
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      }
    }),
  );
}
