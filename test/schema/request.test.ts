import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PRIORITIES } from '../../src/domain/task.js';
import {
  checkRequest,
  InvalidTaskInput,
  parseTaskRequest,
  type RosterEntry,
} from '../../src/schema/request.js';

const thrownBy = (act: () => unknown): InvalidTaskInput => {
  try {
    act();
  } catch (error) {
    if (error instanceof InvalidTaskInput) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
};
const refused = (raw: unknown): InvalidTaskInput => thrownBy(() => parseTaskRequest(raw));

describe('a request', () => {
  test('needs a title only', () => {
    expect(parseTaskRequest({ title: '  Add paging ' })).toEqual({
      title: 'Add paging',
      description: '',
      acceptance: [],
      priority: 'NORMAL',
      assignee: 'implementer',
      reviewers: [],
      repository: null,
      owner: 'person:unnamed',
      source: null,
      key: null,
    });
  });

  test('may say all of it', () => {
    const whole = {
      title: 'Add paging',
      description: 'Pages of 20',
      acceptance: ['Page 2 starts at 21'],
      priority: 'URGENT',
      assignee: 'docs',
      reviewers: ['reviewer', 'lead'],
      repository: 'shop',
      owner: 'token:ci',
      source: 'github',
      key: 'shop#7',
    };
    expect(parseTaskRequest(whole)).toEqual(whole);
  });

  test('one reviewer is a list of one; null is nothing', () => {
    expect(parseTaskRequest({ title: 'x', reviewer: 'reviewer' }).reviewers).toEqual(['reviewer']);
    const absent = { reviewer: null, reviewers: null, repository: null, source: null, key: null };
    expect(parseTaskRequest({ title: 'x', ...absent }).reviewers).toEqual([]);
  });

  test('takes a priority in any case', () => {
    for (const priority of PRIORITIES) {
      const typed = { title: 'x', priority: ` ${priority.toLowerCase()}` };
      expect(parseTaskRequest(typed).priority).toBe(priority);
    }
  });

  test('counts characters as people do, and mends what cannot be stored', () => {
    expect(parseTaskRequest({ title: '😀'.repeat(200) }).title).toHaveLength(400);
    expect(parseTaskRequest({ title: 'x', description: 'a\u0000\uD800' }).description).toBe(
      'a\uFFFD\uFFFD',
    );
    const most = 'é'.repeat(128 * 1024);
    expect(parseTaskRequest({ title: 'x', description: most }).description).toBe(most);
  });

  test('parsing what was parsed changes nothing', () => {
    const request = fc.record(
      {
        title: fc.string({ minLength: 1 }).map((text) => `t${text}`),
        description: fc.string({ unit: 'binary' }),
        acceptance: fc.uniqueArray(fc.constantFrom('a ', 'b', 'c')),
        priority: fc.constantFrom(...PRIORITIES),
        reviewer: fc.constantFrom('r', null),
        owner: fc.constantFrom('person:ann', 'agent:lead', 'token:ci'),
      },
      { requiredKeys: ['title'] },
    );
    fc.assert(
      fc.property(request, (raw) => {
        const once = parseTaskRequest(raw);
        expect(parseTaskRequest(once)).toEqual(once);
      }),
    );
  });
});

describe('a bad request', () => {
  test.each([
    [
      { title: 'x', priority: 'high!' },
      'input.priority: expected one of LOW, NORMAL, HIGH, URGENT, got "high!"',
    ],
    [{ description: 'x' }, 'input.title: expected text, got nothing'],
    [{ title: ' \u200B ' }, 'input.title: expected some text, got " <U+200B> "'],
    [{ title: 'a\nb' }, 'input.title: expected a single line, got "a\\nb"'],
    [
      { title: 'x'.repeat(201) },
      `input.title: expected at most 200 characters, got "${'x'.repeat(79)}…"`,
    ],
    [
      { title: 'x', description: 'é'.repeat(128 * 1024 + 1) },
      `input.description: expected at most 256 KB of text, got "${'é'.repeat(79)}…"`,
    ],
    [{ title: 'x', acceptance: 'works' }, 'input.acceptance: expected a list, got "works"'],
    [
      { title: 'x', acceptance: Array.from({ length: 51 }, (_, index) => `${index}`) },
      'input.acceptance: expected at most 50 entries, got a list of 51',
    ],
    [
      { title: 'x', acceptance: ['a', 'b', 'A '] },
      'input.acceptance[2]: expected no criterion twice, got "A "',
    ],
    [
      { title: 'x', reviewer: 'a', reviewers: ['b'] },
      'input.reviewer: expected either reviewer or reviewers, not both, got "a"',
    ],
    [
      { title: 'x', reviewers: ['a', 'b', 'c', 'd', 'e', 'f'] },
      'input.reviewers: expected at most 5 entries, got a list of 6',
    ],
    [
      { title: 'x', reviewers: ['a', 'a'] },
      'input.reviewers: expected no reviewer twice, got a list of 2',
    ],
    [{ title: 'x', reviewers: ['a', 7] }, 'input.reviewers[1]: expected text, got 7'],
    [{ title: 'x', key: '1' }, 'input.source: expected a source beside the key, got nothing'],
    [{ title: 'x', source: 's' }, 'input.key: expected a key beside the source, got nothing'],
    [
      { title: 'x', owner: 'ann' },
      'input.owner: expected who files it, such as person:ann, token:ci or agent:lead, got "ann"',
    ],
    [
      { title: 'x', owner: 'system:upkeep' },
      'input.owner: expected who files it, such as person:ann, token:ci or agent:lead, ' +
        'got "system:upkeep"',
    ],
    ['x', 'input: expected an object, got "x"'],
    [undefined, 'input: expected an object, got nothing'],
    [null, 'input: expected an object, got null'],
    [[{ title: 'x' }], 'input: expected an object, got a list of 1'],
  ])('%# %o', (raw, message) => {
    expect(refused(raw).message).toBe(message);
  });

  test('a mistyped field is named with the one that was meant', () => {
    const { message, field, value } = refused({ title: 'x', asignee: 'docs' });
    expect(message).toMatch(/^input\.asignee: unknown field; known are title, .*mean assignee\?$/);
    expect({ field, value }).toEqual({ field: 'input.asignee', value: 'docs' });
  });

  test('names field and value for programs, and says the rest too', () => {
    const error = refused({ titel: 'x', priority: 1 });
    expect(error).toMatchObject({ name: 'InvalidTaskInput', field: 'input.title' });
    expect(error.message).toMatch(/input\.title: .*; input\.priority: .*; input\.titel: unknown/);
  });

  test('a prototype is no field', () => {
    expect(refused(JSON.parse('{"title": "x", "__proto__": {}}')).message).toContain('__proto__');
    expect(refused({ title: 'x', toString: 'y' }).field).toBe('input.toString');
  });

  test('whatever comes, it is a request or a sentence', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.anything(),
          fc.object().map((o) => ({ title: 'x', ...o })),
        ),
        (raw) => {
          try {
            parseTaskRequest(raw);
          } catch (error) {
            expect(error).toBeInstanceOf(InvalidTaskInput);
            expect((error as Error).message).toMatch(/^input/);
          }
        },
      ),
    );
  });
});

describe('names in a request', () => {
  const roster: readonly RosterEntry[] = [
    { id: 'implementer', type: 'SPC', reviews: false },
    { id: 'reviewer', type: 'SPC', reviews: true },
    { id: 'lead', type: 'LEAD', reviews: true },
  ];
  const check = (raw: object): void =>
    checkRequest(parseTaskRequest({ title: 'x', ...raw }), roster, ['shop']);

  test('that exist are taken', () => {
    check({});
    check({ assignee: 'lead', reviewers: ['reviewer'], repository: 'shop' });
  });

  test.each([
    [
      { assignee: 'implementor' },
      'input.assignee',
      '"implementor" is not an agent; agents are implementer, reviewer, lead; ' +
        'did you mean implementer?',
    ],
    [
      { reviewer: 'reviewr' },
      'input.reviewer',
      '"reviewr" is not an agent; agents are reviewer, lead; did you mean reviewer?',
    ],
    [
      { assignee: 'lead', reviewers: ['reviewer', 'implementer'] },
      'input.reviewers[1]',
      '"implementer" does not review; agents that do are reviewer, lead',
    ],
    [
      { assignee: 'reviewer', reviewer: 'reviewer' },
      'input.reviewer',
      '"reviewer" is the assignee too; nobody reviews his own work',
    ],
    [
      { repository: 'shopp' },
      'input.repository',
      '"shopp" is not a repository; repositories are shop; did you mean shop?; ' +
        'add one: mission repo add PATH',
    ],
  ])('%o', (raw, field, what) => {
    const error = thrownBy(() => check(raw));
    expect(error.message).toBe(`${field}: ${what}`);
    expect(error.field).toBe(field);
  });

  test('an empty house says so', () => {
    const asked = parseTaskRequest({ title: 'x', repository: 'shop' });
    expect(thrownBy(() => checkRequest(asked, roster, [])).message).toContain('are none yet');
  });
});
