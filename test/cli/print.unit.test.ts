import { expect, test } from 'vitest';
import { colorsOf, printable } from '../../src/cli/print.js';
import { columnsOf } from '../../src/cli/table.js';
import { visibleJson } from '../../src/domain/text.js';

const ESC = '\u001b';
const { bold, dim, red } = colorsOf(true);

test('our own colours are printed, inside one another too, and take no columns', () => {
  expect(printable(red('no'))).toBe(`${ESC}[31mno${ESC}[39m`);
  const nested = bold(`a ${dim('b')} ${red('c')} d`);
  expect(printable(nested)).toBe(
    `${ESC}[1ma ${ESC}[2mb${ESC}[22m${ESC}[1m ${ESC}[31mc${ESC}[39m d${ESC}[22m`,
  );
  expect(columnsOf(nested)).toBe(7);
  expect(red('')).toBe('');
  expect(colorsOf(false).red('no')).toBe('no');
});

test.each([
  ['a title of the window', `${ESC}]0;owned\u0007`, '<U+001B>]0;owned<U+0007>'],
  ['a cleared screen', `${ESC}[2J`, '<U+001B>[2J'],
  ['the same in one byte', '\u009b2J', '<U+009B>2J'],
  ['colours of others', `${ESC}[8mhidden`, '<U+001B>[8mhidden'],
  ['a link', `${ESC}]8;;file:///\u0007x`, '<U+001B>]8;;file:///<U+0007>x'],
  ['the clipboard', `${ESC}]52;c;ZXZpbA==${ESC}\\`, '<U+001B>]52;c;ZXZpbA==<U+001B>\\'],
  ['a line that is written over', 'bad\rgood', 'bad<U+000D>good'],
  ['backspaces', 'bad\b\b\bgood', 'bad<U+0008><U+0008><U+0008>good'],
  ['letters in another order', 'a\u202eb', 'a<U+202E>b'],
  ['what cannot be seen', 'a\u200bb\u007f', 'a<U+200B>b<U+007F>'],
  ['lines and tabs', 'a\tb\r\nc\n', 'a\tb\r\nc\n'],
])('%s', (_, text, shown) => {
  expect(printable(text)).toBe(shown);
  expect(printable(red(text))).toBe(`${ESC}[31m${shown}${ESC}[39m`);
});

test('JSON holds the same text, and nothing that a terminal acts on', () => {
  const value = { a: 'x\u009b2J\u2028\u202e\u007f\u{e0041}\u001b\n' };
  const json = visibleJson(JSON.stringify(value, null, 2));
  expect(json).toMatch(/^[\n -~]+$/);
  expect(JSON.parse(json)).toEqual(value);
});
