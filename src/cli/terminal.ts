import { createInterface } from 'node:readline';
import { visibleJson } from '../domain/text.js';
import { page } from './pager.js';
import { type Colors, colorsOf, hand, print, printable, tell } from './print.js';
import type { Ways } from './ways.js';

/** How the answer is wanted. */
export interface OutputOptions {
  readonly json?: boolean;
  readonly jsonl?: boolean;
  readonly quiet?: boolean;
}

/** How a long text is shown to a person. */
export interface Eyes {
  readonly paint?: (text: string) => string;
  /** false: it is printed at once. */
  readonly pager?: boolean;
}

/** stdout is the answer and nothing else; stderr is all else. */
export interface Terminal {
  readonly colors: Colors;
  readonly errorColors: Colors;
  /** Columns of the answer; unlimited where nobody looks at it. */
  readonly width: number;
  readonly isTty: boolean;
  readonly ways: Ways;
  /** One document where JSON is wanted, else the text. */
  answer(text: string, document: unknown): void;
  /** One line of a stream: its own document with `--jsonl`. */
  line(text: string, document: unknown): void;
  /**
   * Others' text as the answer: byte by byte for a program; for eyes made visible, painted, and in
   * their pager where they have one.
   */
  whole(text: string, document: unknown, how?: Eyes): Promise<void>;
  /** For people alone: notes of ours, in which commands run as they are pasted. */
  say(text: string): void;
  /** The same for others' words, such as titles: they stay as they are. */
  quote(text: string): void;
  /** What a person answers, trimmed; null where nobody is asked, or would answer. */
  ask(question: string): Promise<string | null>;
  /** What to type next. */
  hint(commands: readonly string[]): void;
}

interface TerminalSettings {
  readonly output: OutputOptions;
  /** Wanted, unwanted, or as the terminal is. */
  readonly color: boolean | null;
  readonly ways: Ways;
  /** The person's own; left out or null: none. */
  readonly pager?: string | null;
}

const plain = (text: string): string => text;

export function createTerminal({ output, color, ways, pager = null }: TerminalSettings): Terminal {
  const { stdout, stderr } = process;
  const isTty = stdout.isTTY === true;
  const colors = colorsOf(color ?? isTty);
  const errorColors = colorsOf(color ?? stderr.isTTY === true);
  const isMachine = output.json === true || output.jsonl === true;
  const answer = (text: string) => {
    if (text !== '') print(text);
  };
  const document = (given: unknown, indent?: number) =>
    print(visibleJson(JSON.stringify(inDocument(given, ways), null, indent)));
  const quote = (text: string) => {
    if (!output.quiet) tell(text);
  };
  return {
    colors,
    errorColors,
    width: isTty ? (stdout.columns ?? 80) : Number.POSITIVE_INFINITY,
    isTty,
    ways,
    answer: (text, given) => (isMachine ? document(given, 2) : answer(text)),
    line: (text, given) => (isMachine ? document(given) : answer(text)),
    async whole(text, given, { paint = plain, pager: isPaged = true } = {}) {
      if (isMachine) return document(given, 2);
      if (!isTty && text !== '') return hand(text.endsWith('\n') ? text : `${text}\n`);
      const shown = paint(text.replace(/\n$/, ''));
      if (isPaged && pager !== null && text !== '') await page(shown, pager);
      else answer(shown);
    },
    say: (text) => quote(ways.inText(text)),
    quote,
    ask: (question) => (output.quiet || isMachine ? Promise.resolve(null) : ask(question)),
    hint: (commands) => {
      if (isMachine) return;
      // Before it is coloured: the end of a colour would look like a letter before the command.
      for (const command of commands) {
        quote(errorColors.dim('  → ') + errorColors.cyan(ways.inText(command)));
      }
    },
  };
}

function ask(question: string): Promise<string | null> {
  const { stdin: input, stderr: output } = process;
  if (!input.isTTY || !output.isTTY) return Promise.resolve(null);
  const lines = createInterface({ input, output });
  return new Promise<string>((answer, reject) => {
    lines.once('close', () => reject(new Error('nothing was answered')));
    lines.once('SIGINT', () => {
      process.emit('SIGINT'); // to whoever acts: of itself it would end this question alone
      lines.close();
    });
    lines.question(printable(question), (text) => {
      answer(text.trim());
      lines.close();
    });
  });
}

/** Commands in a document run as they are pasted, too. */
const inDocument = (document: unknown, ways: Ways): unknown =>
  JSON.parse(JSON.stringify(document), (key, value: unknown) => {
    if ((key === 'command' || key === 'undo') && typeof value === 'string')
      return ways.inText(value);
    if (key !== 'commands' || !Array.isArray(value)) return value;
    return value.map((each) => (typeof each === 'string' ? ways.inText(each) : each));
  });
