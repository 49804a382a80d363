import type { Database } from '../drizzle/db.js';
import type { StoredCheckpoint } from '../drizzle/steps.js';
import { saveProgress, tellLive } from '../drizzle/steps.js';
import type { AgentEvent, Usage } from '../src/agents/backend.js';
import { cleaned } from './cleaned.js';
import { Telling } from './telling.js';

/** Why an attempt was told to stop. */
export class Stop extends Error {
  readonly why: 'paused' | 'lost' | 'time-limit';
  constructor(why: Stop['why']) {
    super(`the attempt was stopped: ${why}`);
    this.why = why;
  }
}

/**
 * What an attempt tells and spends. What it says is stored while it works; what it has used up is
 * counted with its turn, in one statement.
 */
export class Progress {
  private readonly database: Database;
  private readonly run: string;
  private readonly attempt: number;
  private latest: StoredCheckpoint | null;
  private told: string | undefined;
  private readonly telling: Telling;
  private used: AgentEvent[] = [];
  private workTokens = 0;
  private cacheReadTokens = 0;

  constructor(
    database: Database,
    run: string,
    attempt: number,
    checkpoint: StoredCheckpoint | null,
  ) {
    this.database = database;
    this.run = run;
    this.attempt = attempt;
    this.latest = checkpoint;
    this.telling = new Telling((from, events) =>
      tellLive(database, cleaned({ run, attempt, from, events })),
    );
  }

  /** Where the run stands: from here it is resumed, and asked again. */
  get checkpoint(): StoredCheckpoint | null {
    return this.latest;
  }

  /** What the agent is told: the record holds it, word for word. */
  instruct(instructions: string): void {
    this.told = instructions;
  }

  /** Whoever follows the task reads it within a second or two. */
  tell(event: AgentEvent): void {
    if (event.kind === 'usage') {
      this.used.push(event);
      this.spend(event.usage);
    } else this.telling.tell(event);
  }

  /** Stores what was said by an attempt that ends without closing its run. */
  leave(): Promise<void> {
    return this.telling.leave();
  }

  /** What is not stored yet goes with the run's close. */
  async take() {
    const said = await this.telling.take();
    const { used, workTokens, cacheReadTokens, told } = this;
    this.used = [];
    this.told = undefined;
    this.workTokens = 0;
    this.cacheReadTokens = 0;
    const instructions = told === undefined ? {} : { instructions: told };
    return { events: [...said, ...used], workTokens, cacheReadTokens, ...instructions };
  }

  /** Stores it, with a checkpoint if there is one. Throws `Stop` when the attempt may not go on. */
  async store(checkpoint: StoredCheckpoint): Promise<void> {
    const { run, attempt } = this;
    const progress = cleaned({ run, attempt, checkpoint, ...(await this.take()) });
    const answer = await saveProgress(this.database, progress);
    if (answer !== 'go') throw new Stop(answer);
    this.latest = progress.checkpoint;
  }

  /** Stores what was told, of a run that keeps no checkpoint. Throws `Stop` as `store` does. */
  async note(): Promise<void> {
    const { run, attempt } = this;
    const progress = cleaned({ run, attempt, checkpoint: null, ...(await this.take()) });
    const answer = await saveProgress(this.database, progress);
    if (answer !== 'go') throw new Stop(answer);
  }

  /** Work tokens are counted; cache reads are recorded apart. */
  private spend({ input, output, cacheRead, cacheWrite }: Usage): void {
    this.workTokens += input + cacheWrite + output;
    this.cacheReadTokens += cacheRead;
  }
}
