import type { Baseline, CheckResult } from './repository.js';
import { counted, firstLine, visible } from './text.js';
import type { EarlierIssue, Issue, Verdict } from './verdict.js';

/** How a check on the work stands beside the same check on the commit that it began from. */
export const CHECK_STANDINGS = {
  green: 'passes',
  mended: 'passes now, and was red on the base',
  flaky: 'failed, and passed when it was run once more: it is flaky',
  'baseline-red': 'BASELINE_RED: fails, as on the base',
  'new-failure': 'fails',
} as const;
export type CheckStanding = keyof typeof CHECK_STANDINGS;

export interface ComparedCheck {
  readonly check: CheckResult;
  readonly standing: CheckStanding;
}

/** The work under the checks, and what reviews by checks have found of it before. */
export interface Checked {
  readonly commit: string;
  readonly base: string;
  readonly compared: readonly ComparedCheck[];
  /** What no result may hold, by rule: a sentence each. */
  readonly findings: readonly string[];
  /** Issues of earlier runs by checks that nobody has answered. */
  readonly earlier: readonly EarlierIssue[];
}

export const isGreen = ({ exitCode }: CheckResult): boolean => exitCode === 0;

/** Whether a red check says something new: an unknown command counts as green on the base. */
export function isNews(check: CheckResult, baseline: Baseline | null): boolean {
  return !isGreen(check) && !wasRed(check.command, baseline);
}

/** `again` is how a new failure came out the second time, which is what counts. */
export function compareCheck(
  first: CheckResult,
  baseline: Baseline | null,
  again: CheckResult | null,
): ComparedCheck {
  if (isGreen(first)) {
    const standing = wasRed(first.command, baseline) ? 'mended' : 'green';
    return { check: first, standing };
  }
  if (!isNews(first, baseline)) return { check: first, standing: 'baseline-red' };
  if (again !== null && isGreen(again)) return { check: first, standing: 'flaky' };
  return { check: again ?? first, standing: 'new-failure' };
}

/** The verdict of the machine: only a new failure, or what no result may hold, sends work back. */
export function judgeChecks(checked: Checked): Verdict {
  const failures = checked.compared.filter(({ standing }) => standing === 'new-failure');
  const issues: Issue[] = [
    ...checked.findings.map((text) => ({ severity: 'blocking' as const, text: visible(text) })),
    ...failures.map((one) => ({ severity: 'blocking' as const, text: failureText(one) })),
  ];
  return {
    kind: issues.length === 0 ? 'APPROVED' : 'REVISION',
    summary: summaryOf(checked),
    issues,
    criteria: [],
    earlier: checked.earlier.flatMap((issue) => answersTo(issue, checked)),
    followUps: [],
  };
}

/** Every check with its output: what persons and reviewers read of the run. */
export function checksReport({ commit, base, compared, findings }: Checked): string {
  const head = `Checks of commit ${commit.slice(0, 12)}, beside its base ${base.slice(0, 12)}.`;
  const lines = compared.map((one) => `- ${lineOf(one)}`);
  const outputs = compared
    .filter(({ standing }) => standing !== 'green' && standing !== 'mended')
    .map((one) => `${lineOf(one)}\n\n${one.check.output}`);
  return [head, [...findings, ...lines].join('\n'), ...outputs].join('\n\n');
}

const wasRed = (command: string, baseline: Baseline | null): boolean =>
  baseline?.checks.some((check) => check.command === command && !isGreen(check)) ?? false;

const lineOf = ({ check, standing }: ComparedCheck): string =>
  `${check.command} ${CHECK_STANDINGS[standing]}${isGreen(check) ? '' : ` (${exitOf(check)})`}`;

const exitOf = ({ exitCode }: CheckResult): string =>
  exitCode === null ? 'it did not end by itself' : `exit code ${exitCode}`;

/** Begins with the command: by that a later run knows what the issue was about. */
const failureText = ({ check }: ComparedCheck): string =>
  `${headOf(check.command)}${exitOf(check)}; it passes without this work, or is new\n\n` +
  capped(check.output);

const headOf = (command: string): string => `${firstLine(command, 200)} fails: `;

function summaryOf({ compared, findings }: Checked): string {
  const named = (standing: CheckStanding) =>
    compared
      .filter((one) => one.standing === standing)
      .map(({ check }) => firstLine(check.command, 60))
      .join(', ');
  const told = [
    ...findings.slice(0, 1).map((text) => firstLine(text, 80)),
    ...withNames('fails', named('new-failure')),
    ...withNames('BASELINE_RED', named('baseline-red')),
    ...withNames('flaky', named('flaky')),
    ...withNames('red on the base and green now', named('mended')),
  ];
  const green = compared.filter(({ check }) => isGreen(check)).length;
  const rest = green === 0 ? [] : [`${counted(green, 'check passes', 'checks pass')}`];
  return [...told, ...rest].join('; ');
}

/** As in `npm test fails`, and `BASELINE_RED: npm test` for what is no failure of the work. */
function withNames(word: string, names: string): string[] {
  if (names === '') return [];
  return [word === 'fails' ? `${names} fails` : `${word}: ${names}`];
}

/**
 * What fails again is told anew, with its output of now; the older telling is in the way. What was
 * not looked at is not answered.
 */
function answersTo(
  { id, text }: EarlierIssue,
  { compared, findings }: Checked,
): Verdict['earlier'] {
  const about = compared.find(({ check }) => text.startsWith(headOf(check.command)));
  const isOfCheck = about !== undefined || / fails: /.test(firstLine(text, 300));
  if (about === undefined && isOfCheck) return [];
  const stands = isOfCheck
    ? about?.standing === 'new-failure'
    : findings.map(visible).includes(text);
  return stands
    ? [{ issue: id, answer: 'withdrawn', note: 'told anew in this review' }]
    : [{ issue: id, answer: 'fixed' }];
}

/** So much of an output goes into an issue; the report has all of it. */
const ISSUE_CHARS = 6000;

/** The end says why it failed, most of the time. */
function capped(output: string): string {
  const text = visible(output.trimEnd());
  if (text.length <= ISSUE_CHARS) return text;
  const [first, last] = [text.slice(0, ISSUE_CHARS / 4), text.slice(-(ISSUE_CHARS / 4) * 3)];
  const cut = text.length - first.length - last.length;
  return `${first}\n[… ${cut} characters of the output are left out …]\n${last}`.toWellFormed();
}
