import { type SeededRow, seededLine } from '../../drizzle/seed.js';
import { installLine, waysOf } from '../cli/ways.js';
import { runDemo } from '../demo/index.js';
import { removeFolder } from '../demo/stage.js';
import type { Stack } from '../dev/stack.js';
import { bringUp } from './installation.js';
import { STRANGE_STORE } from './store.js';
import type { Surroundings } from './surroundings.js';

const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** `mission up`: brings everything up, says where it is, and stays until it ends. */
export async function runUp(
  around: Surroundings,
  { demo }: { readonly demo: boolean },
): Promise<number> {
  if (demo) return runDemoCommand(around, { stay: true });
  const { config, place, homeNotice } = around;
  const { inText } = waysOf(place);
  if (homeNotice !== null) say(homeNotice);
  const asked = listenForEnd();
  try {
    const stack = await bringUp({
      config,
      home: place.home,
      say: (line) => say(inText(line)),
      onSeeded: (rows) => saySeeded(rows),
      onStrangeStore: () => say(inText(`NOTE: ${STRANGE_STORE}`)),
      signal: asked.signal,
    });
    process.stdout.write(`${banner(around, stack)}\n`);
    return stack.adopted ? 0 : await stay(stack, asked);
  } catch (error) {
    if (asked.signal.aborted) return 0;
    throw error;
  } finally {
    asked.stopListening();
  }
}

/** `mission demo`: the whole story; with `stay` its records stay open until Ctrl-C. */
export async function runDemoCommand(
  around: Surroundings,
  { stay: stays } = { stay: false },
): Promise<number> {
  const { config, place } = around;
  const asked = listenForEnd();
  const told = (line: string) => void process.stdout.write(`${waysOf(place).inText(line)}\n`);
  let ended = false;
  let clear = async (): Promise<void> => undefined;
  // A scene outlasts outages, so it would wait for a stack that is gone: it is left behind.
  void asked.next().then(async () => {
    if (ended) return;
    say('Stopping …');
    await clear();
    process.exit(INTERRUPTED);
  });
  try {
    const { broken, stack, home, end } = await runDemo({
      config,
      say: told,
      bringUp: (home, scenarios) => {
        const { signal } = asked;
        const starting = bringUp({ config: own(config), home, scenarios, say, signal });
        clear = async () => {
          const stack = await starting.catch(() => null);
          await stack?.stop({ drain: false });
          await removeFolder(home);
        };
        return starting;
      },
    });
    ended = true;
    if (broken.length === 0 && stays) {
      const demoPlace = { ...place, home };
      const note = "Ctrl-C stops it and removes the demo's folder.";
      process.stdout.write(`${banner({ ...around, place: demoPlace }, stack, note)}\n`);
      await stay(stack, asked);
    }
    await end();
    return broken.length === 0 ? 0 : 1;
  } catch (error) {
    if (asked.signal.aborted) return INTERRUPTED;
    throw error;
  } finally {
    asked.stopListening();
  }
}

const INTERRUPTED = 130;

/** A demo touches no server of the person's. */
const own = (config: Surroundings['config']): Surroundings['config'] => ({
  ...config,
  databaseUrl: null,
  temporal: null,
  namespace: 'default',
});

interface Asked {
  /** Aborted by the first Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  /** Settles with every one. */
  next(): Promise<void>;
  stopListening(): void;
}

function listenForEnd(): Asked {
  const ending = new AbortController();
  let waiting: (() => void)[] = [];
  const hear = () => {
    ending.abort(new Error('ended by a signal'));
    const told = waiting;
    waiting = [];
    for (const tell of told) tell();
  };
  process.on('SIGINT', hear);
  process.on('SIGTERM', hear);
  return {
    signal: ending.signal,
    next: () => new Promise((resolve) => waiting.push(resolve)),
    stopListening() {
      process.removeListener('SIGINT', hear);
      process.removeListener('SIGTERM', hear);
    },
  };
}

/** Until Ctrl-C; a second one waits for nothing. Non-zero when a part could not be kept running. */
async function stay(stack: Stack, asked: Asked): Promise<number> {
  const hurry = async () => {
    await asked.next();
    await stack.stop({ drain: false });
  };
  const stop = async () => {
    if (!asked.signal.aborted) await asked.next();
    say('Stopping …');
    void hurry();
    await stack.stop();
    return null;
  };
  const failure = await Promise.race([stack.ended, stop()]);
  if (failure === null) return 0;
  say(failure.message);
  return 1;
}

/** A first start tells what it made, a later one that it changed nothing. */
function saySeeded(rows: readonly SeededRow[]): void {
  const inserted = rows.filter(({ outcome }) => outcome === 'inserted');
  for (const row of inserted) say(`Seed: ${seededLine(row)}`);
  const left = rows.length - inserted.length;
  if (left > 0) say(`Seed: ${left} rows left alone`);
}

function banner(
  { config, place, version }: Surroundings,
  stack: Stack,
  note = 'Ctrl-C stops it and loses nothing.',
): string {
  const { addresses, adopted } = stack;
  const { command } = waysOf(place);
  const database = new URL(addresses.databaseUrl);
  const rows: [string, string][] = [
    ['Web UI', addresses.uiUrl ?? 'of your own Temporal server'],
    ['Temporal', `${addresses.temporalAddress}, namespace ${addresses.namespace}`],
    ['Task queue', config.taskQueue],
    ['Postgres', `${database.host}${database.pathname}`],
    ['Data', place.home],
  ];
  const isOnPath = command('') === 'mission ';
  const onPath = ['', 'To type `mission` in any folder, once:', `  ${installLine(place.program)}`];
  return [
    '',
    adopted ? 'Mission Control runs already.' : `Mission Control ${version} is up.`,
    ...rows.map(([name, value]) => `  ${name.padEnd(11)}${value}`),
    '',
    'Type next, in another terminal:',
    `  ${command('task create "Say hello" --wait')}`,
    `  ${command('status')}`,
    `  ${command('--help')}`,
    ...(isOnPath ? [] : onPath),
    ...(adopted ? [] : ['', note]),
  ].join('\n');
}
