import { type CheckResult, isGreen, type LandingMode, type Recipe } from '../domain/repository.js';
import { visible } from '../domain/text.js';
import type { RepositoryDetails } from '../service/index.js';
import type { Colors } from './print.js';
import type { Terminal } from './terminal.js';

/** Red on a commit that nobody has worked on: not what an agent is blamed for. */
export const BASELINE_RED = 'BASELINE_RED';

export function detailsText(details: RepositoryDetails, terminal: Terminal): string {
  const { colors } = terminal;
  const { name, location, target, landing, addedBy, recipe, baseline } = details;
  const rows: [string, string][] = [
    ['Location', visible(location)],
    ['Lands', landsIn(landing, target)],
    ['Added', `by ${addedBy}`],
    ...recipeRows(recipe),
  ];
  if (recipe.checks.length > 0 && baseline === null) {
    rows.push(['Baseline', terminal.ways.inText(`none yet: mission repo check ${name}`)]);
  }
  if (baseline !== null && baseline.checks.length > 0) {
    rows.push(['Baseline', `${baseline.commit.slice(0, 12)}, by ${baseline.by}`]);
    rows.push(...baseline.checks.map((check): [string, string] => ['', checkLine(check, colors)]));
  }
  return [colors.bold(name), ...pairs(rows, colors)].join('\n');
}

/** What is chosen for a repository, row by row. */
export function recipeRows(recipe: Recipe): [string, string][] {
  const { setup, installScripts, checks, folder, copies } = recipe;
  return [
    ['Setup', visible(setup ?? 'none')],
    ...(installScripts ? [['', 'packages may run install scripts'] as [string, string]] : []),
    ...(checks.length === 0 ? ['none'] : checks).map((check, index): [string, string] => [
      index === 0 ? 'Checks' : '',
      visible(check),
    ]),
    ...(folder === '' ? [] : [['Folder', visible(folder)] as [string, string]]),
    ...(copies.length === 0 ? [] : [['Copies', visible(copies.join(', '))] as [string, string]]),
  ];
}

export const pairs = (rows: readonly (readonly [string, string])[], colors: Colors): string[] =>
  rows.map(([title, value]) => `${colors.dim(title.padEnd(9))}${value}`);

/** As in `green         npm test (1.2 s)`. */
export function checkLine(check: CheckResult, colors: Colors): string {
  const word = isGreen(check) ? 'green' : BASELINE_RED;
  const padded = word.padEnd(BASELINE_RED.length);
  const painted = isGreen(check) ? colors.green(padded) : colors.red(padded);
  const how =
    check.exitCode === null ? 'stopped, ' : isGreen(check) ? '' : `exit ${check.exitCode}, `;
  return `${painted}  ${visible(check.command)} (${how}${took(check.durationMs)})`;
}

const took = (durationMs: number): string => `${(durationMs / 1000).toFixed(1)} s`;

const TAIL_LINES = 40;

/** The end of what a command printed, where the reason mostly is. */
export function tailOf(output: string): string {
  const lines = output.trimEnd().split('\n');
  const shown = lines.slice(-TAIL_LINES).map(linesOf);
  const cut = lines.length - shown.length;
  return [...(cut > 0 ? [`    [${cut} lines before]`] : []), ...shown].join('\n');
}

/** What a command printed, set off from what is ours; nothing in it moves a cursor. */
export const linesOf = (text: string): string =>
  plain(text)
    .split(/\r?\n/)
    .map((line) => `    ${visible(line)}`)
    .join('\n');

/** Without the colours that tools give their own output. */
const plain = (line: string): string => line.replace(ESCAPES, '');
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
const ESCAPES = /\u001b\[[0-9;?]*[ -/]*[@-~]/g;

/** As in `as pull requests to main`. */
export function landsIn(landing: LandingMode, target: string): string {
  switch (landing) {
    case 'branch':
      return `as branches of their own, from ${target}`;
    case 'merge':
      return `merged into ${target}`;
    case 'pull-request':
      return `as pull requests to ${target}`;
    default:
      return landing satisfies never;
  }
}
