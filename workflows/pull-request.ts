import { CancellationScope, condition } from '@temporalio/workflow';
import type { LandingThen } from '../src/contract.js';
import { withdrawals } from './proxies.js';
import type { TaskView } from './task-view.js';

/** A landing's wait for its pull request: no activity, no timer, no history while nothing moves. */
export class PullRequestWait {
  private hasMoved = false;

  /** Upkeep has seen something there. */
  moved(): void {
    this.hasMoved = true;
  }

  /** From now on what moves is news. */
  begin(): void {
    this.hasMoved = false;
  }

  /**
   * Until something has moved. When the task is cancelled meanwhile, a merge that came before that
   * counts, and else the pull request is closed.
   */
  async untilMoved(
    view: TaskView,
    { number, then, isOver }: { number: number; then: LandingThen; isOver: () => boolean },
  ): Promise<void> {
    try {
      await condition(() => this.hasMoved);
    } catch (error) {
      if (isOver()) await CancellationScope.nonCancellable(() => withdraw(view, number, then));
      throw error;
    }
  }
}

async function withdraw(view: TaskView, number: number, then: LandingThen): Promise<void> {
  try {
    const end = await withdrawals.withdraw(view.taskId, number, then);
    if (end !== null) view.stand(end.standing);
  } catch {
    // The other side is away: upkeep closes what is left open, and the task ends now.
  }
}
