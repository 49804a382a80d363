import { condition } from '@temporalio/workflow';

/** So many waits in a row the story may pass before it asks for its next small step. */
const TURNS = 3;

/**
 * Waits until the story has come as far as it can at this moment, and no small step of it is at
 * work. What signals ask for comes after it then, whether they were told of before or after: see
 * the mailbox.
 */
export async function untilStill(isStepping: () => boolean): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) {
    let hasAsked = false; // asked at once, and again when all that could go on has gone on
    await condition(() => {
      const isLater = hasAsked;
      hasAsked = true;
      return isLater && !isStepping();
    });
  }
}
