import { Life } from './life.js';
import { Statements } from './statements.js';
import type { Filing } from './tasks.js';
import type { Meant } from './verdicts.js';

/** An attempt in the hands of a worker, which may be dead, or a zombie. */
export interface Hand {
  readonly run: string;
  readonly attempt: number;
  readonly then: ReturnType<Life['afterExecution']> | ReturnType<Life['afterReview']> | null;
  readonly bound: number;
  closed: boolean;
}

/** Does what workflows and workers do: the lives of tasks, and the attempts that are under way. */
export class Driver extends Statements {
  readonly lives = new Map<string, Life>();
  readonly hands: Hand[] = [];
  /** What the verdict of a review was meant to be. */
  readonly meant = new Map<string, Meant>();

  file(filing: Filing): void {
    const { created } = this.call('file_task', filing);
    if (created && !this.lives.has(filing.id)) this.begins(filing.id);
  }
  begins(task: string): void {
    this.lives.set(task, new Life(this, task));
  }
  life(task: string): Life {
    const life = this.lives.get(task);
    if (life === undefined) throw new Error(`no workflow of ${task}`);
    return life;
  }
}
