import { FAILURE_CAUSES, type FailureCause } from '../domain/run.js';
import { UNSANDBOXED } from '../domain/sandbox.js';
import { firstLine } from '../domain/text.js';
import type { RunDetails } from '../service/index.js';
import type { Colors } from './print.js';
import { standstillLines } from './render-task.js';
import { clock, grouped, moment, wrapped } from './table.js';
import type { Terminal } from './terminal.js';

/** All of a run that fits a page; its long texts are asked for by name. */
export function runPage(run: RunDetails, terminal: Terminal, now: number): string {
  const { colors, width } = terminal;
  const name = run.run.charAt(0).toUpperCase() + run.run.slice(1);
  const state = paintState(run, colors)(run.state);
  return [
    `${colors.bold(`${run.task} ${name}`)} ${state}  ${firstLine(run.title, 200)}`,
    ...(run.summary === null ? [] : wrapped(firstLine(run.summary, 500), width, '')),
    ...(run.standstill === null ? [] : ['', ...standstillLines(run.standstill, terminal, now)]),
    '',
    ...facts(run, now).flatMap(([label, value]) =>
      value === null ? [] : fact(paintLabel(label, value, colors), value, width),
    ),
    ...failure(run, terminal),
    ...attempts(run, terminal),
    ...questions(run, terminal),
    ...verdict(run, terminal),
    ...texts(run, terminal),
  ].join('\n');
}

/** What nothing held is shown in red wherever it is told. */
const paintLabel = (label: string, value: string, { dim, red }: Colors): string =>
  (value === 'UNSANDBOXED' ? red : dim)(label.padEnd(13));

function paintState({ state }: RunDetails, colors: Colors): (text: string) => string {
  if (state === 'SUCCEEDED') return colors.green;
  if (state === 'FAILED') return colors.red;
  return state === 'CANCELLED' ? colors.dim : colors.cyan;
}

function fact(label: string, value: string, width: number): string[] {
  const [first = '', ...rest] = wrapped(value, width, ' '.repeat(13));
  return [`${label}${first.slice(13)}`, ...rest];
}

function facts(run: RunDetails, now: number): (readonly [string, string | null])[] {
  const { cacheReadTokens, workTokens, costUsd, bytesHandedOver, reviewed } = run;
  const cost = costUsd === null ? '' : `, ${dollars(costUsd)}`;
  const started = run.startedAt === null ? null : moment(run.startedAt, now);
  return [
    ['Agent', agentOf(run)],
    ['Program', programOf(run)],
    ['Role', run.roleVersion === null ? null : `version ${run.roleVersion} of its instructions`],
    ['Sandbox', run.sandbox === UNSANDBOXED ? 'UNSANDBOXED' : run.sandbox],
    ['Cycle', `${run.cycle}${run.superseded ? ', superseded' : ''}`],
    ['Queued', moment(run.queuedAt, now)],
    ['Started', started === null ? null : `${started}${waited(run)}`],
    ['Ended', run.endedAt === null ? null : `${moment(run.endedAt, now)}, took ${took(run)}`],
    ['Tokens', `${grouped(workTokens)} work, ${grouped(cacheReadTokens)} read from cache${cost}`],
    ['Commit', run.commit],
    ['Reviewed', reviewed === null ? null : `execution ${reviewed}${handedOver(bytesHandedOver)}`],
    ['Id', run.id],
  ];
}

const handedOver = (bytes: number | null): string =>
  bytes === null ? '' : `, ${grouped(bytes)} bytes were handed over`;

/** Of a cent, too: a short run costs no more. */
const dollars = (usd: number): string => `$${usd.toFixed(usd < 1 ? 4 : 2)}`;

function agentOf({ agent, byPerson, byChecks, rehearsed }: RunDetails): string {
  if (byChecks) return "the machine's checks";
  if (byPerson !== null) return `${byPerson} (a person)`;
  if (agent === null) return 'nobody yet';
  return `${agent.name} (${agent.id}, ${agent.type})${rehearsed ? ', REHEARSED by a script' : ''}`;
}

function programOf({ program, model, backend }: RunDetails): string | null {
  const said = program === null ? backend : `${program.preset}: ${program.file}`;
  if (said === null || said === 'scripted') return null;
  return `${said}${model === null ? '' : `, model ${model}`}`;
}

const waited = ({ waitedMs }: RunDetails): string =>
  waitedMs < 1000 ? '' : `, after ${lasted(waitedMs)} in line`;

/** How long it took or has taken. */
export function took(run: { readonly startedAt: string | null; readonly endedAt: string | null }) {
  if (run.startedAt === null) return '';
  const end = run.endedAt === null ? Date.now() : Date.parse(run.endedAt);
  return lasted(end - Date.parse(run.startedAt));
}

function lasted(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function failure({ cause, error }: RunDetails, { colors, width }: Terminal): string[] {
  if (cause === null && error === null) return [];
  const isKnown = cause !== null && Object.hasOwn(FAILURE_CAUSES, cause);
  const means = isKnown ? FAILURE_CAUSES[cause as FailureCause].means : cause;
  const head = `Failed: ${[cause, means].filter((each) => each !== null).join(': ')}`;
  const lines = (error ?? '').split('\n').flatMap((line) => wrapped(line, width, '  '));
  return ['', colors.red(head), ...(error === null ? [] : lines)];
}

function attempts(run: RunDetails, { colors }: Terminal): string[] {
  const rows = run.attempts.map(({ number, startedAt, endedAt, end, turn }) => {
    const how = end ?? (endedAt === null ? 'works' : 'ended');
    const kept = turn === null ? '' : `, checkpoint after turn ${turn}`;
    return `  ${number}. ${clock(startedAt)} ${how} after ${took({ startedAt, endedAt })}${kept}`;
  });
  return rows.length === 0 ? [] : ['', colors.dim('Attempts'), ...rows];
}

function questions({ question, answers }: RunDetails, { width }: Terminal): string[] {
  const answered = answers.flatMap((each) => [
    ...wrapped(`It asked: ${each.question}`, width, ''),
    ...wrapped(`${each.by} answered: ${each.answer}`, width, '  '),
  ]);
  const open = question === null || answers.some((each) => each.question === question);
  const asks = open ? [] : wrapped(`It asks: ${question}`, width, '');
  const lines = [...answered, ...asks];
  return lines.length === 0 ? [] : ['', ...lines];
}

function verdict(run: RunDetails, { colors, width }: Terminal): string[] {
  const found = run.verdict;
  if (found === null) return [];
  const issues = found.issues.flatMap(({ severity, text, file }, index) => {
    const id = `R${run.number}.${index + 1}`;
    const mark = severity === 'blocking' ? colors.red(severity) : severity;
    const where = file === undefined ? '' : ` (${file})`;
    const lines = `${text}${where}`.split('\n').flatMap((line) => wrapped(line, width, '      '));
    return [`  ${colors.bold(id)} ${mark}`, ...lines];
  });
  const criteria = found.criteria.flatMap(({ criterion, result, evidence }) =>
    wrapped(`${criterion} ${result}: ${evidence}`, width, '  '),
  );
  const earlier = found.earlier.flatMap(({ issue, answer, note }) =>
    wrapped(`${issue} ${answer}${note === undefined ? '' : `: ${note}`}`, width, '  '),
  );
  const followUps = found.followUps.map(({ title }) => `  ${firstLine(title, 200)}`);
  const part = (head: string, lines: readonly string[]) =>
    lines.length === 0 ? [] : [colors.dim(head), ...lines];
  return [
    '',
    `${colors.bold('Verdict')} ${found.kind}`,
    ...wrapped(found.summary, width, '  '),
    ...part('Issues', issues),
    ...part('Criteria', criteria),
    ...part('Earlier issues', earlier),
    ...part('Follow-ups', followUps),
  ];
}

/** Its long texts, by the command that prints them. */
function texts(run: RunDetails, { colors, ways }: Terminal): string[] {
  const stored = (['instructions', 'report', 'commands', 'diff'] as const).flatMap((name) => {
    const text = run[name];
    if (text === null || text === '') return [];
    const command = ways.inText(`mission run show ${run.task} ${run.run} --${name}`);
    return [`  ${grouped(text.length).padStart(9)} characters  ${colors.cyan(command)}`];
  });
  return stored.length === 0 ? [] : ['', colors.dim('Texts'), ...stored];
}
