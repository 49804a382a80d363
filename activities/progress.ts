import type { Database } from '../drizzle/db.js';
import type { StoredCheckpoint } from '../drizzle/steps.js';
import { saveProgress } from '../drizzle/steps.js';
import type { AgentEvent, Usage } from '../src/agents/backend.js';
import { cleaned } from './cleaned.js';

/** Why an attempt was told to stop. */
export class Stop extends Error {
  readonly why: 'paused' | 'lost' | 'time-limit';
  constructor(why: Stop['why']) {
    super(`the attempt was stopped: ${why}`);
    this.why = why;
  }
}

/** What an attempt has told and spent since it was last stored: one statement a turn. */
export class Progress {
  private readonly database: Database;
  private readonly run: string;
  private readonly attempt: number;
  private latest: StoredCheckpoint | null;
  private told: string | undefined;
  private events: object[] = [];
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
  }

  /** Where the run stands: from here it is resumed, and asked again. */
  get checkpoint(): StoredCheckpoint | null {
    return this.latest;
  }

  /** What the agent is told: the record holds it, word for word. */
  instruct(instructions: string): void {
    this.told = instructions;
  }

  tell(event: AgentEvent): void {
    this.events.push(event);
    if (event.kind === 'usage') this.spend(event.usage);
  }

  /** What is not stored yet goes with the run's close. */
  take() {
    const { events, workTokens, cacheReadTokens, told } = this;
    this.events = [];
    this.told = undefined;
    this.workTokens = 0;
    this.cacheReadTokens = 0;
    const instructions = told === undefined ? {} : { instructions: told };
    return { events, workTokens, cacheReadTokens, ...instructions };
  }

  /** Stores it, with a checkpoint if there is one. Throws `Stop` when the attempt may not go on. */
  async store(checkpoint: StoredCheckpoint): Promise<void> {
    const { run, attempt } = this;
    const progress = cleaned({ run, attempt, checkpoint, ...this.take() });
    const answer = await saveProgress(this.database, progress);
    if (answer !== 'go') throw new Stop(answer);
    this.latest = progress.checkpoint;
  }

  /** Work tokens are counted; cache reads are recorded apart. */
  private spend({ input, output, cacheRead, cacheWrite }: Usage): void {
    this.workTokens += input + cacheWrite + output;
    this.cacheReadTokens += cacheRead;
  }
}
