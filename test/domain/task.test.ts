import { describe, expect, test } from 'vitest';
import { parseTaskLabel, taskLabel } from '../../src/domain/ids.js';
import {
  BLOCK_REASONS,
  isLegal,
  isTerminal,
  legalVerbs,
  STATUS_FACTS,
  TASK_STATUSES,
  VERBS,
} from '../../src/domain/task.js';

describe('statuses', () => {
  test('each that is no end is moved on by someone, and can be cancelled', () => {
    for (const status of TASK_STATUSES) {
      const end = ['DONE', 'REJECTED', 'CANCELLED'].includes(status);
      expect(isTerminal(status), status).toBe(end);
      expect(STATUS_FACTS[status].movedOnBy === 'nobody', status).toBe(end);
      expect(isLegal('cancel', status, null), status).toBe(!end);
    }
  });

  test('nothing is legal after an end', () => {
    for (const status of TASK_STATUSES.filter(isTerminal)) {
      expect(legalVerbs(status, null)).toEqual([]);
    }
  });
});

describe('verbs', () => {
  test('only a task in the inbox is approved or rejected', () => {
    for (const status of TASK_STATUSES) {
      expect(isLegal('approve', status, null)).toBe(status === 'INBOX');
      expect(isLegal('reject', status, null)).toBe(status === 'INBOX');
    }
  });

  test('a question is answered and never retried; any other block is retried', () => {
    for (const reason of BLOCK_REASONS) {
      expect(isLegal('answer', 'BLOCKED', reason)).toBe(reason === 'question');
      expect(isLegal('retry', 'BLOCKED', reason)).toBe(reason !== 'question');
    }
    expect(isLegal('answer', 'IN_PROGRESS', 'question')).toBe(false);
  });

  test('the legal ones come in one order', () => {
    const legal = legalVerbs('BLOCKED', 'revision-cap');
    expect(legal).toEqual(VERBS.filter((verb) => legal.includes(verb)));
    expect(legal).toContain('accept');
    expect(legal).not.toContain('approve');
  });
});

describe('task labels', () => {
  test.each([
    ['T-42', 42],
    [' t-42 ', 42],
    ['42', 42],
    ['T42', null],
    ['T-', null],
    ['4.2', null],
    ['9999999999999', null],
  ])('%s is %s', (text, number) => {
    expect(parseTaskLabel(text)).toBe(number);
  });

  test('what is shown can be typed', () => {
    expect(parseTaskLabel(taskLabel(7))).toBe(7);
  });
});
