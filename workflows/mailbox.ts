import { CancellationScope, patched } from '@temporalio/workflow';
import type { VerbAnswer, VerbMessage } from '../src/contract.js';

/** Applies messages in their order, and answers each. */
type Applying = (messages: readonly VerbMessage[]) => Promise<readonly VerbAnswer[]>;

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
/** So much may be handed to the next history, whose input is 2 MiB at most. */
const REST_BYTES_MAX = 500_000;

/**
 * Messages are applied one after the other, as they came: `resume` never overtakes `pause`. What
 * comes while one is applied waits, and is applied together. So a flood costs a few steps; and no
 * promise a message, of which thousands in one workflow task would take longer than it may.
 */
export class Mailbox {
  private readonly apply: Applying;
  private readonly letters: Letter[] = [];
  private last: Promise<unknown> = Promise.resolve();
  private opening = false;
  private closing = false;
  /** Of the letters: what they would weigh, and how many senders wait. */
  private bytes = 0;
  private waiting = 0;
  /** How many messages this history has brought. */
  count = 0;

  constructor(apply: Applying) {
    this.apply = apply;
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
    const mayRest = this.closing && this.waiting === 0 && this.bytes <= REST_BYTES_MAX;
    return mayRest || this.letters.length === 0;
  }

  /** Never rejects: each sender is told. */
  private async open(): Promise<void> {
    // A history from before messages were applied together is replayed one by one.
    const together = this.letters.length > 1 && patched('messages-together') ? TOGETHER_MAX : 1;
    const opened = this.letters.splice(0, together);
    for (const { sender, bytes } of opened) {
      this.bytes -= bytes;
      this.waiting -= sender.waits ? 1 : 0;
    }
    try {
      const answers = await this.apply(opened.map(({ message }) => message));
      for (const [index, { sender }] of opened.entries()) {
        const answer = answers[index];
        if (answer === undefined) sender.fail(new Error('a message was left without an answer'));
        else sender.answer(answer);
      }
    } catch (error) {
      for (const { sender } of opened) sender.fail(error);
    }
  }
}
