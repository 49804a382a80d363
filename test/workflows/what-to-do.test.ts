import { describe, expect, test } from 'vitest';
import type { AdmissionAnswer, TaskState } from '../../src/contract.js';
import { BLOCK_REASONS, VERBS } from '../../src/domain/task.js';
import { BLOCKS } from '../../src/domain/wait.js';
import { describeVerb, whatToDo } from '../../workflows/what-to-do.js';

const task: TaskState = {
  taskId: '0190',
  number: 42,
  label: 'T-42',
  title: 'Search by pages',
  status: 'IN_PROGRESS',
  blocked: null,
  waitingFor: null,
  priority: 'NORMAL',
  assignee: 'implementer',
  reviewers: ['reviewer'],
  cycle: 1,
  paused: false,
  rehearsed: false,
  runs: [],
};
const admitted: AdmissionAnswer = { kind: 'admitted', by: 'policy:auto-approve', reason: 'within' };
const page = (more: Partial<TaskState>, admission: AdmissionAnswer = admitted): string =>
  whatToDo({ ...task, ...more }, admission).join('\n');
const people = 'Executed by **implementer**, reviewed by **reviewer**; priority NORMAL.';

describe('what the page of a task says below its timeline', () => {
  test('is whose it is and no more, where nobody owes it a decision', () => {
    expect(page({})).toBe(people);
    expect(page({ status: 'DONE', paused: true })).toBe(people);
    expect(page({ reviewers: [] })).toContain('reviewed by the reviewer who is free then;');
  });

  test('in the inbox is the rule that holds it, and how it is approved or rejected', () => {
    const why = 'lead is a LEAD: its tasks always wait';
    const text = page({ status: 'INBOX' }, { kind: 'waits', reason: why });
    expect(text).toContain(`**A person is waited for**: ${why}.`);
    expect(text).toContain('`mission task approve T-42`');
    expect(text).toContain('- **approve** admits the task');
    expect(text).toContain('`{"by":"person:ann"}`');
    expect(text).toContain('- **reject** ');
  });

  test.each(BLOCK_REASONS)(
    'blocked by %s is the reason, and every verb that ends it',
    (blocked) => {
      const text = page({ status: 'BLOCKED', blocked });
      expect(text).toContain(`**A person is waited for**: ${BLOCKS[blocked].means}.`);
      for (const verb of BLOCKS[blocked].verbs) expect(text).toContain(`- **${verb}** `);
    },
  );

  test('paused is how it goes on', () => {
    expect(page({ paused: true })).toContain('- **resume** lets the paused task go on');
  });
});

test.each(VERBS)('the signal %s shows an input that can be pasted', (verb) => {
  const [, input = ''] = /^[A-Z].*\. Input: (\{.*\})$/.exec(describeVerb(verb)) ?? [];
  expect(JSON.parse(input)).toMatchObject({ by: 'person:ann' });
});
