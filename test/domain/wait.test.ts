import { describe, expect, test } from 'vitest';
import { BLOCK_REASONS, isLegal, VERBS, WAIT_REASONS } from '../../src/domain/task.js';
import {
  BLOCKS,
  explainBlock,
  explainWait,
  verbCommand,
  type Wait,
} from '../../src/domain/wait.js';

const task = { label: 'T-42' };
const wait = (reason: Wait['reason'], more: Partial<Wait> = {}): Wait => ({
  reason,
  rule: null,
  value: null,
  since: null,
  place: null,
  detail: null,
  ...more,
});

describe('waits', () => {
  test('a slot: who holds it, the rule, its value, the place, and what moves it on', () => {
    const slot = wait('slot', {
      detail: 'implementer runs 3 of 3',
      rule: 'execution-limits.maxConcurrentPerAgent',
      value: '3, version 2',
      place: { position: 4, of: 9 },
    });
    expect(explainWait(slot, task)).toEqual({
      sentence:
        'waits for a slot: implementer runs 3 of 3 ' +
        '(execution-limits.maxConcurrentPerAgent = 3, version 2); place 4 of 9',
      command: 'mission policy set execution-limits maxConcurrentPerAgent=5',
    });
  });

  test.each([
    ['approval', {}, 'mission task approve T-42'],
    [
      'daily-tokens',
      { rule: 'execution-limits.maxDailyTokens', value: '0, version 4' },
      'mission policy set execution-limits maxDailyTokens=5000000',
    ],
    [
      'daily-runs',
      { rule: 'execution-limits.maxDailyPerAgent', value: '50' },
      'mission policy set execution-limits maxDailyPerAgent=75',
    ],
    [
      'daily-runs',
      { rule: 'execution-limits.maxDailyPerAgent', value: null },
      'mission policy show execution-limits',
    ],
    [
      'slot',
      { rule: 'execution-limits', value: 'disabled, version 10' },
      'mission policy enable execution-limits',
    ],
    [
      'daily-runs',
      { rule: 'execution-limits.maxDailyPerAgent', value: '1, version 3', enough: 21 },
      'mission policy set execution-limits maxDailyPerAgent=30',
    ],
    [
      'daily-tokens',
      { rule: 'execution-limits.maxDailyTokens', value: '5000000', enough: 5_012_345 },
      'mission policy set execution-limits maxDailyTokens=5100000',
    ],
    ['slot', { rule: 'machine.checks', value: '2' }, null],
    ['slot', {}, null],
    ['squad-paused', {}, 'mission resume'],
    ['task-paused', {}, 'mission task resume T-42'],
    ['agent-disabled', { value: 'implementer' }, 'mission agent enable implementer'],
    ['no-reviewer', {}, 'mission agent list'],
    ['no-backend', { value: 'implementer' }, 'mission agent connect implementer'],
    ['no-worker', {}, 'mission up'],
    ['pull-request', {}, null],
  ] as const)('%s with %o: %s', (reason, more, command) => {
    expect(explainWait(wait(reason, more), task).command).toBe(command);
  });

  test('each has one sentence of its own, short and on one line', () => {
    const sentences = WAIT_REASONS.map((reason) => explainWait(wait(reason), task).sentence);
    expect(new Set(sentences).size).toBe(WAIT_REASONS.length);
    for (const sentence of sentences) expect(sentence).toMatch(/^waits.{1,60}$/);
  });
});

describe('blocks', () => {
  test('says what and why, and every command is legal for it', () => {
    expect(explainBlock('question', 'Which port?', task)).toEqual({
      sentence: 'the agent asks: Which port?',
      commands: [
        'mission task answer T-42 "your answer"',
        'mission task reassign T-42 --executor AGENT',
        'mission task cancel T-42',
      ],
    });
    for (const reason of BLOCK_REASONS) {
      for (const verb of BLOCKS[reason].verbs) {
        expect(isLegal(verb, 'BLOCKED', reason), `${verb} for ${reason}`).toBe(true);
      }
    }
  });

  test('each can be ended other than by giving up', () => {
    const endings = new Set(['retry', 'answer', 'accept']);
    for (const reason of BLOCK_REASONS) {
      expect(
        BLOCKS[reason].verbs.some((verb) => endings.has(verb)),
        reason,
      ).toBe(true);
      expect(BLOCKS[reason].verbs).toContain('cancel');
    }
  });

  test('a failed review asks for another reviewer, not for another executor', () => {
    const { sentence, commands } = explainBlock('review-failed', null, task);
    expect(sentence).toBe('the review failed: no verdict could be read');
    expect(commands).toContain('mission task reassign T-42 --reviewer AGENT');
  });

  test('each verb has its command', () => {
    for (const verb of VERBS) {
      expect(verbCommand(verb, 'T-42')).toMatch(new RegExp(`^mission task ${verb} T-42`));
    }
  });
});
