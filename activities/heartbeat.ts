import { Context } from '@temporalio/activity';

/** What runs inside a heartbeating activity. */
export interface Beating {
  /** Aborted when the activity is cancelled, timed out or its worker stops. */
  readonly signal: AbortSignal;
  /** Shown in Temporal's Web UI; nothing resumes from it. */
  show(progress: object): void;
  /** Why `signal` aborted. */
  why(): Context['cancellationDetails'];
  /** Rejects with Temporal's own cancellation. */
  readonly cancelled: Promise<never>;
}

/**
 * Beats from a timer over the whole activity. Not at its start, which the server knows of: most of
 * what is short ends before the first beat, and each one is a call.
 */
export async function heartbeating<T>(work: (beating: Beating) => Promise<T>): Promise<T> {
  const context = Context.current(); // captured: a timer has no activity context
  let shown: unknown = context.info.heartbeatDetails; // an empty first beat would blank the display
  const beat = () => context.heartbeat(shown);
  const timer = setInterval(beat, 5_000);
  try {
    return await work({
      signal: context.cancellationSignal,
      show(progress) {
        shown = progress;
        beat();
      },
      why: () => context.cancellationDetails,
      cancelled: context.cancelled,
    });
  } finally {
    clearInterval(timer);
  }
}
