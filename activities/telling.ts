import type { AgentEvent } from '../src/agents/backend.js';

/** What is counted with its turn is stored with it; all else is stored while the run works. */
export type LiveEvent = Exclude<AgentEvent, { kind: 'usage' }>;

/** Says what became of events that were sent: `full` and `lost` ones need no more after them. */
export type Send = (
  from: number,
  events: readonly LiveEvent[],
) => Promise<'told' | 'full' | 'lost'>;

/** How long something waits for company, and how much company is enough. */
const BATCH_MS = 1_000;
const BATCH_CHARS = 64 * 1024;
/** While the database is away, so much is kept of what cannot be stored. */
const WAITING_CHARS_MAX = 4 * 2 ** 20;
const AGAIN_MS = 5_000;
/** Lines become one event up to this length: a row for each of them would cost too much. */
const LOG_CHARS_MAX = 8 * 1024;
/** A text that is longer loses its middle. The run's commands and report are kept whole, apart. */
const TEXT_CHARS_MAX = 64 * 1024;

/**
 * What an attempt tells, on its way to whoever follows it: in order, stored once, a batch a second
 * while there is something to tell, and nothing otherwise. Telling never fails: what cannot be
 * stored now is tried again, and goes with the turn at the latest.
 */
export class Telling {
  private readonly send: Send;
  private events: LiveEvent[] = [];
  private chars = 0;
  /** So many were sent before the first of `events`. */
  private from = 0;
  /** So many of `events` may be stored already: they change no more. */
  private sealed = 0;
  private dropped = 0;
  /** Nothing more of it is kept: there is enough, or the attempt is over. */
  private isQuiet = false;
  /** Nothing is sent by itself. */
  private isHeld = false;
  private timer: NodeJS.Timeout | null = null;
  private sending: Promise<void> | null = null;

  constructor(send: Send) {
    this.send = send;
  }

  tell(told: LiveEvent): void {
    const event = bounded(told);
    const chars = charsOf(event);
    if (event.kind !== 'turn' && (this.isQuiet || this.chars > WAITING_CHARS_MAX)) {
      this.dropped += this.isQuiet ? 0 : chars;
      return;
    }
    this.chars += chars;
    const last = this.events.at(-1);
    const joined =
      last === undefined || this.events.length <= this.sealed ? null : joinedOf(last, event);
    if (joined === null) this.events.push(event);
    else this.events.splice(-1, 1, joined);
    this.wait(BATCH_MS);
  }

  /** Stores what was told so far; while the database is away, as soon as it can be. */
  async flush(): Promise<void> {
    while (this.sending !== null) await this.sending;
    this.stopTimer();
    if (this.events.length === 0 || this.isQuiet) return;
    this.sending = this.sendAll();
    await this.sending;
    this.sending = null;
    if (this.events.length > 0) this.wait(this.sealed > 0 ? AGAIN_MS : BATCH_MS);
  }

  /** The last of it: nothing is sent by itself after that. */
  async leave(): Promise<void> {
    this.isHeld = true;
    await this.flush();
  }

  /** What is still to be stored, for the statement that ends a turn: it is not sent again. */
  async take(): Promise<readonly LiveEvent[]> {
    this.isHeld = true;
    // What may be stored already is sent again by the way that stores it once.
    if (this.sending !== null || this.sealed > 0) await this.flush();
    this.isHeld = false;
    this.stopTimer();
    const { events } = this;
    this.events = [];
    this.sealed = 0;
    this.chars = 0;
    return events;
  }

  private async sendAll(): Promise<void> {
    const batch = this.sealed > 0 ? this.events.slice(0, this.sealed) : [...this.events];
    this.sealed = batch.length;
    try {
      const answer = await this.send(this.from, batch);
      if (answer !== 'told') this.isQuiet = true;
    } catch {
      return;
    }
    this.from += batch.length;
    this.sealed = 0;
    this.events = this.isQuiet ? [] : this.events.slice(batch.length);
    this.chars = this.events.reduce((sum, event) => sum + charsOf(event), 0);
    if (this.dropped > 0) {
      const text = `${this.dropped} characters were not kept: the database was away`;
      this.dropped = 0;
      this.tell({ kind: 'log', source: 'mission', text });
    }
  }

  private wait(ms: number): void {
    if (this.isHeld || this.sending !== null) return; // who sends looks again when it has ended
    if (this.chars >= BATCH_CHARS && this.sealed === 0) {
      this.stopTimer();
      void this.flush();
      return;
    }
    this.timer ??= setTimeout(() => {
      this.timer = null;
      void this.flush();
    }, ms).unref();
  }

  private stopTimer(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }
}

/** Two events as one, where the second goes on with the lines of the first. */
function joinedOf(last: LiveEvent, next: LiveEvent): LiveEvent | null {
  if (last.kind !== 'log' || next.kind !== 'log' || last.source !== next.source) return null;
  if (last.text.length + next.text.length > LOG_CHARS_MAX) return null;
  return { ...last, text: `${last.text}\n${next.text}` };
}

const charsOf = (event: LiveEvent): number =>
  Object.values(event).reduce<number>((sum, each) => sum + String(each).length, 0);

function bounded(event: LiveEvent): LiveEvent {
  switch (event.kind) {
    case 'turn':
      return event;
    case 'text':
    case 'log':
      return { ...event, text: middleCut(event.text) };
    case 'tool':
      return { ...event, input: middleCut(event.input), output: middleCut(event.output) };
    default:
      return event satisfies never;
  }
}

function middleCut(text: string): string {
  if (text.length <= TEXT_CHARS_MAX) return text;
  const half = TEXT_CHARS_MAX / 2;
  const cut = `… ${text.length - TEXT_CHARS_MAX} characters are left out here …`;
  return `${text.slice(0, half)}\n${cut}\n${text.slice(-half)}`;
}
