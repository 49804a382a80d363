import type { Command } from 'commander';
import { helpedBy, lockedDoor } from '../service/door.js';
import { ServiceError } from '../service/errors.js';
import type { CanaryFlight, Diagnosis, LockedDoor, Service } from '../service/index.js';
import { act, type Exits, type Stage } from './act.js';
import { doorHere, leadOf, notWatched, sentenceOf } from './doors-here.js';
import { EXIT } from './exit.js';
import type { House, StackState } from './house.js';
import { seconds } from './seconds.js';
import { agoInWords, wrapped } from './table.js';
import type { OutputOptions, Terminal } from './terminal.js';
import { withOutput } from './with-output.js';

interface DoctorOptions extends OutputOptions {
  readonly canary?: boolean;
  readonly timeout: number;
}

interface Findings {
  readonly diagnosis: Diagnosis;
  readonly canary: CanaryFlight | null;
}

/** `mission doctor`: the first locked door between the inbox and the landing. */
export function addDoctor(program: Command, house: House, exits: Exits): void {
  const says = 'walk the way of a task and name the first locked door, and what opens it';
  withOutput(program.command('doctor').description(says))
    .option('--canary', 'send a scripted task through the whole pipe; no list shows it')
    .option('--timeout <seconds>', 'how long the canary may take', seconds, 60)
    .action((options: DoctorOptions) =>
      act(house, exits, options, (stage) => look(stage, options)),
    );
}

async function look(stage: Stage, options: DoctorOptions): Promise<number> {
  const { house, terminal, interrupted } = stage;
  const stack = await house.stack();
  const opened = await open(house);
  if ('door' in opened) return tell({ diagnosis: opened.nothing, canary: null }, terminal);
  const { service, close } = opened;
  try {
    const diagnosis = await service.doctor.diagnose(notWatched(stack));
    const canSend = !AWAY.includes(diagnosis.first?.stage ?? '');
    const canary = options.canary && canSend ? await send(service, options, stage) : null;
    const code = tell(here({ diagnosis, canary }, stack), terminal);
    return interrupted.aborted ? EXIT.interrupted : code;
  } finally {
    await close();
  }
}

/** The same findings, with the commands that open their doors on this machine. */
function here({ diagnosis, canary }: Findings, stack: StackState): Findings {
  const { first, also, temporalAddress } = diagnosis;
  const at = (door: LockedDoor) => doorHere(door, stack, temporalAddress);
  const stands = canary?.stands ?? null;
  const door = stands?.door ? at(stands.door) : null;
  return {
    diagnosis: { ...diagnosis, first: first && at(first), also: also.map(at) },
    canary: canary && {
      ...canary,
      stands: stands && { ...stands, door, command: door?.command ?? stands.command },
    },
  };
}

/** Where neither a server is named nor one runs, that is the first door. */
async function open(house: House) {
  try {
    return await house.open();
  } catch (error) {
    if (!(error instanceof ServiceError && error.kind === 'unreachable')) throw error;
    const { diagnosisOf } = await import('../service/doctor.js');
    // Of a data folder that is gone it says what to do instead of a start.
    const command = error.message.includes('mission up') ? 'mission up' : null;
    const door = lockedDoor('database-away', error.message, command);
    return { door, nothing: diagnosisOf(door) };
  }
}

function send(service: Service, { timeout }: DoctorOptions, stage: Stage): Promise<CanaryFlight> {
  const { terminal, interrupted: signal } = stage;
  const onStep = ({ step, ms }: { readonly step: string; readonly ms: number }) =>
    terminal.say(`canary: ${step} after ${ms} ms`);
  return service.doctor.canary({ timeoutMs: timeout * 1_000, signal, onStep });
}

/** Stages at which nothing answers at all. */
const AWAY: readonly string[] = ['database', 'temporal'];

function tell(findings: Findings, terminal: Terminal): number {
  const { diagnosis, canary } = findings;
  const { first, healthy } = diagnosis;
  const failed = canary?.through === false;
  const document = { ...diagnosis, healthy: healthy && !failed, canary };
  terminal.answer(textOf(findings, terminal), document);
  if (AWAY.includes(first?.stage ?? '')) return EXIT.unreachable;
  if (!healthy) return EXIT.failed;
  return failed ? EXIT.timeout : EXIT.ok;
}

function textOf({ diagnosis, canary }: Findings, terminal: Terminal): string {
  const { first, also } = diagnosis;
  const { colors, width, ways } = terminal;
  return [
    ...stageLines(diagnosis, terminal),
    ...(first === null ? [] : [...doorLines(first, terminal)]),
    ...also.flatMap((each) => {
      const { stage, door, command } = each;
      const help = command === null ? '' : `; ${leadOf(each)} ${ways.inText(command)}`;
      return wrapped(`also: ${stage}: ${door}: ${sentenceOf(each, ways)}${help}`, width, '  ');
    }),
    ...(canary === null ? [] : canaryLines(canary, terminal)),
    ...(first === null && canary?.through !== false ? [colors.green('Healthy')] : []),
  ].join('\n');
}

/** Every stage up to the first that is locked. */
function stageLines({ stages, first }: Diagnosis, { colors, width }: Terminal): string[] {
  const at = stages.findIndex(({ stage }) => stage === first?.stage);
  const passed = at < 0 ? stages : stages.slice(0, at);
  return passed.flatMap(({ stage, state, says }) => {
    const mark = state === 'open' ? colors.green('✓') : '?';
    const [line = '', ...rest] = wrapped(says, width, ' '.repeat(17));
    return [`${mark} ${stage.padEnd(15)}${line.trimStart()}`, ...rest];
  });
}

function doorLines(found: LockedDoor, { colors, width, ways }: Terminal): string[] {
  const { stage, door, command, setting } = found;
  const said = `✗ ${stage.padEnd(15)}${door}: ${sentenceOf(found, ways)}`;
  const set = setting && `${setting.rule} = ${setting.value}, set by ${setting.by}`;
  const when = setting?.at
    ? `, ${agoInWords(setting.at, Date.now())} (${toSecond(setting.at)})`
    : '';
  return [
    ...wrapped(said, width, '').map((line, index) => (index === 0 ? colors.red(line) : line)),
    ...(set === null ? [] : wrapped(`${set}${when}`, width, '    ')),
    ...(command === null ? [] : [`    ${leadOf(found)} ${colors.cyan(ways.inText(command))}`]),
  ];
}

const toSecond = (time: string): string => `${new Date(time).toISOString().slice(0, 19)}Z`;

function canaryLines({ steps, stands }: CanaryFlight, terminal: Terminal): string[] {
  const { colors, width, ways } = terminal;
  const lines = steps.map(({ step, ms }) => `  ${colors.green('✓')} ${step.padEnd(13)}${ms} ms`);
  if (stands === null) return ['Canary: through the whole pipe', ...lines];
  const { before, sentence, command, door } = stands;
  const named = door === null ? '' : `; the door: ${door.door} (${door.stage})`;
  const said = `  ✗ ${before.padEnd(13)}${sentence}${named}`;
  const lead = leadOf(helpedBy(command));
  const help = command === null ? [] : [`    ${lead} ${colors.cyan(ways.inText(command))}`];
  return ['Canary: not through, and cancelled', ...lines, ...wrapped(said, width, ''), ...help];
}
