/**
 * The one door to the terminal. Whatever is printed may hold what an agent, a task, a repository or
 * an error made up: here, where nobody can forget it, all of that is made visible, so that none of
 * it steers the terminal. Only colours of this file pass.
 */
import { randomBytes } from 'node:crypto';
import { visible } from '../domain/text.js';

/** On and off: what is on is switched off by the same code, whatever is inside. */
const CODES = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
} as const;
type Paint = keyof typeof CODES;

export type Colors = Readonly<Record<Paint, (text: string) => string>>;

/** No text from outside can hold it: it is another one each time. */
const SEAL = randomBytes(9).toString('hex');
/** What stands for a colour until it is printed. */
export const MARKS = new RegExp(`<${SEAL}:(\\w*)>`, 'g');
const mark = (name: string): string => `<${SEAL}:${name}>`;

/** Colours that survive printing, or none. */
export function colorsOf(areWanted: boolean): Colors {
  const paint = (name: Paint) => (text: string) =>
    areWanted && text !== '' ? `${mark(name)}${text}${mark('')}` : text;
  return {
    bold: paint('bold'),
    dim: paint('dim'),
    red: paint('red'),
    green: paint('green'),
    yellow: paint('yellow'),
    cyan: paint('cyan'),
  };
}

const isPaint = (name: string): name is Paint => Object.hasOwn(CODES, name);
const sgr = (code: number): string => `\u001b[${code}m`;

/** The text as a terminal may be given it. */
export function printable(text: string): string {
  const on: Paint[] = [];
  // The text between the marks and their names, in turn.
  const parts = text.split(MARKS);
  return parts
    .map((part, index) => {
      if (index % 2 === 0) return visible(part);
      if (isPaint(part)) {
        on.push(part);
        return sgr(CODES[part][0]);
      }
      const off = on.pop();
      if (off === undefined) return '';
      const code = CODES[off][1];
      const again = on.filter((each) => CODES[each][1] === code);
      return sgr(code) + again.map((each) => sgr(CODES[each][0])).join('');
    })
    .join('');
}

/** The answer, with the end of its line. */
export const print = (text: string): void => void process.stdout.write(`${printable(text)}\n`);

/** All that is no answer. */
export const tell = (text: string): void => void process.stderr.write(`${printable(text)}\n`);

/** Others' text byte by byte, for a program: never to a terminal. */
export function hand(bytes: string | Uint8Array): void {
  if (process.stdout.isTTY) throw new Error('what is printed on a terminal is made visible first');
  process.stdout.write(bytes);
}
