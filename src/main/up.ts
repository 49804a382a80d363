import { type SeededRow, seededLine } from '../../drizzle/seed.js';
import { print, tell } from '../cli/print.js';
import { folded } from '../cli/table.js';
import { waysOf } from '../cli/ways.js';
import { runDemo } from '../demo/index.js';
import { removeFolder } from '../demo/stage.js';
import type { Stack } from '../dev/stack.js';
import { isRunning, readState } from '../dev/state.js';
import { agentsLine, banner } from './banner.js';
import { bringUp } from './installation.js';
import { STRANGE_STORE } from './store.js';
import type { Surroundings } from './surroundings.js';

const STARTING = 'Starting Postgres and Temporal …';
const KEEPS = 'Ctrl-C stops it and loses nothing.';

/** `mission up`: brings everything up, says where it is, and stays until it ends. */
export async function runUp(
  around: Surroundings,
  { demo }: { readonly demo: boolean },
): Promise<number> {
  if (demo) return runDemoCommand(around, { stay: true });
  const { config, place, homeNotice } = around;
  const { inText } = waysOf(place);
  if (homeNotice !== null) tell(homeNotice);
  if (!isRunning(readState(place.home))) tell(STARTING);
  const asked = listenForEnd();
  try {
    const stack = await bringUp({
      config,
      home: place.home,
      say: (line) => tell(inText(line)),
      onSeeded: (rows) => saySeeded(rows),
      onStrangeStore: () => tell(inText(`NOTE: ${STRANGE_STORE}`)),
      signal: asked.signal,
    });
    const agents = await agentsLine(stack.addresses.databaseUrl);
    print(banner(around, stack, KEEPS, agents));
    return stack.adopted ? 0 : await stay(stack, asked);
  } catch (error) {
    if (asked.signal.aborted) return 0;
    throw error;
  } finally {
    asked.stopListening();
  }
}

const FORGETS = "Ctrl-C ends it and removes the demo's data.";

/** `mission demo`: the whole story; with `stay` its records stay open until Ctrl-C. */
export async function runDemoCommand(
  around: Surroundings,
  { stay: stays } = { stay: false },
): Promise<number> {
  const { config, place } = around;
  const asked = listenForEnd();
  const { inText } = waysOf(place);
  const width = Math.min(process.stdout.columns ?? 80, 100);
  const told = (text: string) => {
    const lines = inText(text).split('\n');
    print(lines.map((line) => folded(line, width)).join('\n'));
  };
  let ended = false;
  let clear = async (): Promise<void> => undefined;
  // A scene outlasts outages, so it would wait for a stack that is gone: it is left behind.
  void asked.next().then(async () => {
    if (ended) return;
    tell('Stopping …');
    await clear();
    process.exit(INTERRUPTED);
  });
  told(`${STARTING} The demo has servers, records and a repository of its own.`);
  try {
    const { broken, stack, home, end } = await runDemo({
      config,
      say: told,
      bringUp: (home, scenarios, say) => {
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
      print(banner({ ...around, place: demoPlace }, stack, FORGETS));
      await stay(stack, asked);
    }
    await end();
    told('\nThe demo has ended: its servers, records and repository are removed.');
    if (broken.length === 0) told('For work of your own: npm start');
    else told(`${broken.length} of its claims did not hold; they are marked with ✗.`);
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

/** Ctrl-C, a plain kill, and a terminal that is closed. */
const ENDINGS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

interface Asked {
  /** Aborted by the first of them. */
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
    for (const next of told) next();
  };
  for (const signal of ENDINGS) process.on(signal, hear);
  return {
    signal: ending.signal,
    next: () => new Promise((resolve) => waiting.push(resolve)),
    stopListening() {
      for (const signal of ENDINGS) process.removeListener(signal, hear);
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
    tell('Stopping …');
    void hurry();
    await stack.stop();
    return null;
  };
  const failure = await Promise.race([stack.ended, stop()]);
  if (failure === null) return 0;
  tell(failure.message);
  return 1;
}

/** A first start tells what it made, a later one that it changed nothing. */
function saySeeded(rows: readonly SeededRow[]): void {
  const inserted = rows.filter(({ outcome }) => outcome === 'inserted');
  for (const row of inserted) tell(`Seed: ${seededLine(row)}`);
  const left = rows.length - inserted.length;
  if (left > 0) tell(`Seed: ${left} rows left alone`);
}
