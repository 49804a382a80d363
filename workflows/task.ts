import type { TaskOutcome } from '../src/contract.js';
import type { Heard } from './messages.js';
import { TaskLife } from './task-life.js';

/**
 * One task, from the inbox to its end. Every `await` below is a durable step. `heard` is what a
 * history that grew too long hands to the new one; whoever files a task leaves it out.
 */
export async function task(input: unknown, heard?: Heard): Promise<TaskOutcome> {
  // registered, re-entered, or failed at once
  const life = await TaskLife.begin(input, heard ?? null);
  return life.toItsEnd(async () => {
    await life.untilAdmitted(); // a rejection in the inbox ends it here
    await untilLanded(life);
  });
}

/** THE LOOP: executes and reviews, cycle after cycle, until a result is accepted and lands. */
async function untilLanded(life: TaskLife): Promise<void> {
  for (let cycle = 1; ; ) {
    const executed = await life.execute(cycle); // waits for its slot by name
    const checked = executed === 'toCheck' ? await life.check(cycle) : executed; // costs no model
    const review = checked === 'executed' ? await life.review(cycle) : checked;
    switch (review) {
      case 'accepted': {
        const landing = await life.land(cycle); // queues per repository; idempotent
        if (landing === 'landed') return;
        if (landing === 'conflict') cycle++; // no block: one more cycle, reviewed again
        break;
      }
      case 'revision': // at the cap a person granted one more
        cycle++;
        break;
      case 'superseded': // reassigned: the new executor works in the same cycle
        break;
      default:
        review satisfies never;
    }
  }
}
