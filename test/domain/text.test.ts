import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  clean,
  firstLine,
  isBlank,
  nearest,
  sameKey,
  shorten,
  utf8Bytes,
  visible,
} from '../../src/domain/text.js';

const anyText = fc.string({ unit: 'binary' });

describe('clean', () => {
  test('mends NUL and lone surrogates, and nothing else', () => {
    expect(clean('a\u0000b\uD800c😀\u202E\r\n')).toBe('a\uFFFDb\uFFFDc😀\u202E\r\n');
  });

  test('what is clean stays as it is, whatever it was', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(clean(text).isWellFormed()).toBe(true);
        expect(clean(clean(text))).toBe(clean(text));
      }),
    );
  });
});

describe('visible', () => {
  test.each([
    ['bidi override', 'a\u202Eb', 'a<U+202E>b'],
    ['zero-width joiner', 'a\u200Db', 'a<U+200D>b'],
    ['tag characters', 'a\u{E0041}b', 'a<U+E0041>b'],
    ['variation selectors', 'a\u{E0101}b\uFE0F', 'a<U+E0101>b<U+FE0F>'],
    ['terminal escapes', '\u001B[2J', '<U+001B>[2J'],
    ['a carriage return that overwrites a line', 'good\rbad', 'good<U+000D>bad'],
    ['line separators', 'a\u2028b\u2029', 'a<U+2028>b<U+2029>'],
    ['blanks that are letters', '\u3164\u2800', '<U+3164><U+2800>'],
    ['lone surrogates', 'a\uD800', 'a<U+D800>'],
    ['line ends and tabs, which stay', 'a\r\n\tb\n', 'a\r\n\tb\n'],
    ['letters and emoji, which stay', 'é ß 漢 😀', 'é ß 漢 😀'],
  ])('shows %s', (_, text, shown) => {
    expect(visible(text)).toBe(shown);
  });

  test('leaves nothing unseen, and shows nothing twice', () => {
    const unseen = /(?!\r\n)[\p{Cc}\p{Cf}\p{Cs}\p{DI}]/u;
    fc.assert(
      fc.property(anyText, (text) => {
        expect(visible(text).replace(/[\r\n\t]/g, '')).not.toMatch(unseen);
        expect(visible(visible(text))).toBe(visible(text));
      }),
    );
  });
});

describe('comparing', () => {
  test('text of unseen characters says nothing', () => {
    expect(isBlank(' \t\r\n\u200B\u3164')).toBe(true);
    expect(isBlank(' . ')).toBe(false);
  });

  test('case, spaces and composition make no difference, invisible letters do', () => {
    expect(sameKey('  Add  caf\u00E9 ')).toBe(sameKey('add cafe\u0301'));
    expect(sameKey('add\u200B')).not.toBe(sameKey('add'));
  });
});

describe('measuring and cutting', () => {
  test('counts the bytes that the text has in UTF-8', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(utf8Bytes(text)).toBe(Buffer.byteLength(text, 'utf8'));
      }),
    );
  });

  test('says with an ellipsis that it cut, and only then', () => {
    expect(shorten('abcde', 5)).toBe('abcde');
    expect(shorten('abcdef', 5)).toBe('abcd…');
    expect(shorten('😀😀😀', 3)).toBe('😀😀😀');
    expect(shorten('😀😀😀😀', 3)).toBe('😀😀…');
  });

  test('the first line that says something, safe to print', () => {
    expect(firstLine('\n \u200B\r\n  Added\ta\u001B[0m\nrest', 100)).toBe('Added a<U+001B>[0m');
    expect(firstLine(' \n', 100)).toBe('');
    expect(firstLine('x'.repeat(101), 100)).toBe(`${'x'.repeat(99)}…`);
  });
});

describe('nearest', () => {
  const agents = ['implementer', 'reviewer', 'lead', 'INT'];

  test.each([
    ['implementor', 'implementer'],
    ['implemetner', 'implementer'],
    ['Reviewer', 'reviewer'],
    ['laed', 'lead'],
    ['int', 'INT'],
    ['gardener', null],
    ['', null],
    ['x'.repeat(10_000), null],
  ])('%s: %s', (typed, meant) => {
    expect(nearest(typed, agents)).toBe(meant);
  });

  test('of two that are near, the nearer', () => {
    expect(nearest('title', ['titles', 'title'])).toBe('title');
    expect(nearest('a', [])).toBeNull();
  });

  test('a text too long to be a mistyped word is compared with nothing', () => {
    expect(nearest('x'.repeat(65), ['x'.repeat(65)])).toBeNull();
  });
});
