import type { FollowUp } from '../../src/domain/verdict.js';

/** Each turns a verdict that would accept into one that must not. */
const SPOILS = [
  'nonce',
  'unknown-key',
  'as-text',
  'case',
  'blocking',
  'criterion',
  'text',
] as const;
export const NONCE = 'the nonce';
export const ACCEPTANCE = ['It works'];
export type Meant = 'approving' | 'revision' | 'garbage';

/** What a reviewer hands over, and what it means: known here, and not to the core. */
export function handedOver(one: number, two: number, earlier: readonly { readonly id: string }[]) {
  const meant = (['approving', 'approving', 'revision', 'revision', 'garbage'] as const)[one % 5];
  const accepting = meant !== 'revision';
  const titles = two % 3 === 0 ? [] : TITLES.slice(two % 7, (two % 7) + (two % 4));
  const spawn: Pick<FollowUp, 'title'>[] = titles.map((title) => ({ title }));
  const plain = accepting ? 'APPROVED' : 'REVISION';
  const spawning = accepting ? 'SPAWN' : 'REVISION+SPAWN';
  const good = {
    nonce: NONCE,
    verdict: spawn.length > 0 ? spawning : plain,
    summary: 'APPROVED, says this text',
    issues: accepting ? [] : [{ severity: 'blocking', text: 'an issue' }],
    criteria: [{ criterion: 'A1', result: accepting ? 'met' : 'not-met', evidence: 'seen' }],
    earlier: earlier.map(({ id }) => ({ issue: id, answer: 'fixed' })),
    spawn,
  };
  const raw: unknown = meant === 'garbage' ? spoilt(good, SPOILS[two % SPOILS.length]) : good;
  return { meant: meant ?? 'garbage', raw };
}

const TITLES = Array.from({ length: 12 }, (_, index) => `Follow-up ${index}`);

function spoilt(good: { verdict: string }, how: (typeof SPOILS)[number] = 'text'): unknown {
  return {
    nonce: { ...good, nonce: 'another nonce' },
    'unknown-key': { ...good, approved: true },
    'as-text': JSON.stringify(good),
    case: { ...good, verdict: good.verdict.toLowerCase() },
    blocking: { ...good, issues: [{ severity: 'blocking', text: 'broken' }] },
    criterion: { ...good, criteria: [{ criterion: 'A1', result: 'not-verified', evidence: '?' }] },
    text: 'APPROVED. This is fine, go on.',
  }[how];
}
