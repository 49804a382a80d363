import { CancellationScope, patched } from '@temporalio/workflow';
import type { VerbAnswer, VerbMessage } from '../src/contract.js';

/**
 * Applies messages in their order, and answers each. `here`: by a local activity, at once. `apart`:
 * by one that leaves no workflow task open.
 */
export type Applying = (
  messages: readonly VerbMessage[],
  where: 'here' | 'apart',
) => Promise<readonly VerbAnswer[]>;

/** Who is told what came of a message. */
interface Sender {
  answer(answer: VerbAnswer): void;
  fail(error: unknown): void;
  /** Whether the sender waits for the answer: an update, not a signal. */
  readonly waits: boolean;
}

interface Letter {
  readonly message: VerbMessage;
  readonly sender: Sender;
  readonly bytes: number;
}

/** So many are applied by one step, which is to stay well below its time limit. */
const TOGETHER_MAX = 50;
/** So much may be handed to the next history or an activity, whose input is 2 MiB at most. */
const HANDED_BYTES_MAX = 500_000;

/**
 * Messages are applied one after the other, as they came: `resume` never overtakes `pause`. What
 * comes while one is applied waits, and is applied together. So a flood costs a few steps; and no
 * promise a message, of which thousands in one workflow task would take longer than it may.
 *
 * Signals are applied apart. Once over 100 events wait for the end of a workflow task, Temporal
 * gives it up for the next, which the SDK hands to a workflow whose local activity still works. It
 * is recorded then as if all those signals had come before it, and no replay comes to the same
 * steps. What comes of an update in such a task is refused by Temporal, and replayed from before.
 */
export class Mailbox {
  private readonly apply: Applying;
  /** Waits until the task itself does nothing that an activity could come between. */
  private readonly untilStill: () => Promise<void>;
  private readonly letters: Letter[] = [];
  private last: Promise<unknown> = Promise.resolve();
  private opening = false;
  private closing = false;
  /** Of the letters: what they would weigh, and how many senders wait. */
  private bytes = 0;
  private waiting = 0;
  /** How many messages this history has brought. */
  count = 0;

  constructor(apply: Applying, untilStill: () => Promise<void>) {
    this.apply = apply;
    this.untilStill = untilStill;
  }

  /** Whether every message has been applied; once it is closed, all but the rest. */
  get isQuiet(): boolean {
    return !this.opening;
  }

  /** true: from now on signals are kept for the next history, as far as they fit. */
  close(closing: boolean): void {
    this.closing = closing;
    this.start();
  }

  /** What is handed to the next history. */
  rest(): VerbMessage[] {
    return this.letters.map(({ message }) => message);
  }

  post(message: VerbMessage, sender: Sender): void {
    const bytes = JSON.stringify(message).length;
    this.letters.push({ message, sender, bytes });
    this.count++;
    this.bytes += bytes;
    this.waiting += sender.waits ? 1 : 0;
    this.start();
  }

  /** What was taken is done, also while the workflow is being cancelled. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.last.then(() => CancellationScope.nonCancellable(work));
    this.last = mine.catch(() => undefined);
    return mine;
  }

  private start(): void {
    if (this.opening || this.isDone()) return;
    this.opening = true;
    void this.inTurn(async () => {
      while (!this.isDone()) await this.open();
      this.opening = false;
    });
  }

  private isDone(): boolean {
    const mayRest = this.closing && this.waiting === 0 && this.bytes <= HANDED_BYTES_MAX;
    return mayRest || this.letters.length === 0;
  }

  /** Never rejects: each sender is told. */
  private async open(): Promise<void> {
    if (this.isSignalNext() && patched('signals-apart')) await this.untilStill();
    const { count, where } = this.next();
    const opened = this.letters.splice(0, count);
    for (const { sender, bytes } of opened) {
      this.bytes -= bytes;
      this.waiting -= sender.waits ? 1 : 0;
    }
    try {
      const messages = opened.map(({ message }) => message);
      const answers = await this.apply(messages, where);
      for (const [index, { sender }] of opened.entries()) {
        const answer = answers[index];
        if (answer === undefined) sender.fail(new Error('a message was left without an answer'));
        else sender.answer(answer);
      }
    } catch (error) {
      for (const { sender } of opened) sender.fail(error);
    }
  }

  /** How many letters are opened next: signals and updates apart from each other. */
  private next(): { count: number; where: 'here' | 'apart' } {
    const { letters, waiting } = this;
    if (waiting < letters.length && patched('signals-apart')) {
      const signals = this.signalsNext();
      if (signals > 0) return { count: signals, where: 'apart' };
      const updates = letters.findIndex(({ sender }) => !sender.waits);
      // None of both: a signal that no activity's input holds.
      return { count: Math.max(1, updates), where: 'here' };
    }
    // A history from before messages were applied together is replayed one by one.
    const together = letters.length > 1 && patched('messages-together');
    return { count: together ? TOGETHER_MAX : 1, where: 'here' };
  }

  private isSignalNext(): boolean {
    return this.letters[0]?.sender.waits === false;
  }

  /** How many signals come first, as far as one input holds them. */
  private signalsNext(): number {
    let count = 0;
    let bytes = 0;
    for (const letter of this.letters.slice(0, TOGETHER_MAX)) {
      bytes += letter.bytes;
      if (letter.sender.waits || bytes > HANDED_BYTES_MAX) break;
      count++;
    }
    return count;
  }
}
