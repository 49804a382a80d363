import type { Database } from '../drizzle/db.js';
import { saveProgress } from '../drizzle/steps.js';
import type { AgentEvent, Usage } from '../src/agents/backend.js';
import { clean } from '../src/domain/text.js';

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
  private events: object[] = [];
  private workTokens = 0;
  private cacheReadTokens = 0;

  constructor(database: Database, run: string, attempt: number) {
    this.database = database;
    this.run = run;
    this.attempt = attempt;
  }

  tell(event: AgentEvent): void {
    this.events.push(cleaned(event));
    if (event.kind === 'usage') this.spend(event.usage);
  }

  /** What is not stored yet goes with the run's close. */
  take(): { events: object[]; workTokens: number; cacheReadTokens: number } {
    const { events, workTokens, cacheReadTokens } = this;
    this.events = [];
    this.workTokens = 0;
    this.cacheReadTokens = 0;
    return { events, workTokens, cacheReadTokens };
  }

  /** Stores it, with the checkpoint if there is one. Throws `Stop` when the attempt may not go on. */
  async store(checkpoint: object | null): Promise<void> {
    const { run, attempt } = this;
    const answer = await saveProgress(this.database, { run, attempt, checkpoint, ...this.take() });
    if (answer !== 'go') throw new Stop(answer);
  }

  /** Work tokens are counted; cache reads are recorded apart. */
  private spend({ input, output, cacheRead, cacheWrite }: Usage): void {
    this.workTokens += input + cacheWrite + output;
    this.cacheReadTokens += cacheRead;
  }
}

/** Agents' text is cleaned once, at the edge: a NUL would make the statement fail for ever. */
function cleaned(event: AgentEvent): object {
  return JSON.parse(JSON.stringify(event), (_key, value: unknown) =>
    typeof value === 'string' ? clean(value) : value,
  );
}
