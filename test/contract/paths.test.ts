import { expect, test } from 'vitest';
import {
  type ExecutionThen,
  type Landings,
  type LandingThen,
  type Resolution,
  type ReviewThen,
  ROUND_ENDS,
  type RunEnd,
  type Steps,
} from '../../src/contract.js';
import { BLOCK_REASONS, type TerminalStatus, VERB_LEGAL_IN, VERBS } from '../../src/domain/task.js';
import { VERDICT_KINDS } from '../../src/domain/verdict.js';
import { readHistory, storedHistories } from '../support/histories.js';
import { readSources } from '../support/source.js';
import { pathsOf } from './paths.js';

/** By the house's own vocabularies: what is added to one is a path that is missing. */
const keys = (of: Readonly<Record<string, unknown>>) => Object.keys(of);

type Closed = Extract<RunEnd, { kind: 'closed' }>['outcome'];
/** Which run can end how; the compiler knows when an outcome is added. */
const ENDS = {
  succeeded: ['performExecution'],
  toCheck: ['performExecution'],
  accepted: ['performReview', 'performChecks'],
  revision: ['performReview', 'performChecks'],
  atCap: ['performReview', 'performChecks'],
  failed: ['performExecution', 'performReview'],
  cancelled: ['performReview'],
  reviewed: ['performReview'],
} as const satisfies Record<Closed, readonly string[]>;

/** The rows of the workflow's tables, as each is seen in a history. */
const EXECUTED = {
  succeeded: 'performExecution: succeeded',
  toCheck: 'performExecution: toCheck',
  failed: 'blocked: execution-failed',
  unprepared: 'blocked: setup-failed',
} as const satisfies Record<keyof ExecutionThen, string>;
const REVIEWED = {
  accepted: 'performReview: accepted',
  revision: 'performReview: revision',
  atCap: 'blocked: revision-cap',
  failed: 'blocked: review-failed',
  unprepared: 'blocked: setup-failed',
} as const satisfies Record<keyof ReviewThen, string>;
const LANDED = {
  landed: 'land: landed',
  conflict: 'land: conflict',
  atCap: 'land: atCap',
  refused: 'land: refused',
} as const satisfies Record<keyof LandingThen, string>;
const RESOLUTIONS = { retry: 1, accept: 1, reassign: 1 } as const satisfies Record<Resolution, 1>;
const TERMINAL = { DONE: 1, REJECTED: 1, CANCELLED: 1 } as const satisfies Record<
  TerminalStatus,
  1
>;
const STEPS = {
  beginTask: 1,
  decideAgain: 1,
  openRuns: 1,
  settleReviews: 1,
  applyVerb: 1,
  applyVerbs: 1,
  endTask: 1,
  landWords: 1,
} as const satisfies Record<keyof Steps, 1>;
const LANDINGS = { land: 1 } as const satisfies Record<keyof Landings, 1>;

/** A reason that no line of workflows and activities names blocks nothing yet. */
const code = readSources(['workflows', 'activities'])
  .map(({ text }) => text)
  .join('\n');
const BLOCKS = BLOCK_REASONS.filter((reason) => code.includes(`'${reason}'`));

const PATHS: readonly string[] = [
  ...VERBS.flatMap((verb) => [`input of signal ${verb}`, `input of update ${verb}`]),
  ...Object.values({ ...EXECUTED, ...REVIEWED }),
  ...Object.values(LANDED),
  ...Object.entries(ENDS).flatMap(([outcome, runs]) => runs.map((run) => `${run}: ${outcome}`)),
  ...['performExecution: requeued', 'performReview: requeued'],
  ...ROUND_ENDS.map((end) => `settleReviews: ${end}`),
  ...BLOCKS.map((reason) => `blocked: ${reason}`),
  ...['EXECUTION', 'REVIEW', 'LANDING'].flatMap((step) =>
    keys(RESOLUTIONS).map((how) => `${step} ended by ${how}`),
  ),
  ...VERB_LEGAL_IN.cancel.map((status) => `cancelled in ${status}`),
  ...keys(TERMINAL).map((status) => `ends ${status}`),
  ...keys({ ...STEPS, ...LANDINGS }).map((step) => `result of ${step}`),
  ...VERDICT_KINDS.map((kind) => `verdict ${kind}`),
  ...['InvalidTaskInput', 'DuplicateKey', 'TaskEnded', 'UnknownWorkflowType'].map(
    (type) => `fails with ${type}`,
  ),
  ...['WrongState', 'AlreadyDecided', 'NotPermitted'].map((error) => `refused as ${error}`),
  ...['admitted by policy', 'admitted by person', 'rejected by person', 'waits'],
  ...['input of signal runPromoted', 'input of signal lookAgain', 'input of keepUp'],
  ...['workflow task', 'workflow upkeep', 're-entered', 'superseded', 'waits: slot'],
  ...['cancelled in Temporal', 'goes on in a new history'],
];

/** How many of the stored histories have taken each path. */
function taken(names: readonly string[]): Map<string, string[]> {
  const by = new Map<string, string[]>();
  for (const name of names) {
    for (const path of pathsOf(readHistory(name))) by.set(path, [...(by.get(path) ?? []), name]);
  }
  return by;
}

test('every path through the loop has its stored history', () => {
  const by = taken(storedHistories());
  expect(PATHS.filter((path) => !by.has(path))).toEqual([]);
  expect(BLOCKS.length).toBeGreaterThan(5);
});

test('a path whose history is missing is named', () => {
  const kept = storedHistories().filter((name) => !name.startsWith('landing-refused'));
  const by = taken(kept);
  const missing = PATHS.filter((path) => !by.has(path));
  const refused = ['land: refused', 'blocked: landing-failed', 'LANDING ended by accept'];
  expect(missing).toEqual(expect.arrayContaining(refused));
});
