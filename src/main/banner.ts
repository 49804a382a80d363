import { connect } from '../../drizzle/db.js';
import { firstOnPath, installLine, quoted, waysOf } from '../cli/ways.js';
import type { Stack } from '../dev/stack.js';
import { readState } from '../dev/state.js';
import type { Surroundings } from './surroundings.js';

/** Where programs look when nobody tells them another address. */
const USUAL_PORT = '7233';

/** Whether work is done or rehearsed; null where the database does not tell. */
export async function agentsLine(databaseUrl: string): Promise<string | null> {
  const database = connect(databaseUrl, { max: 1 });
  try {
    const [row] = await database.sql<{ rehearses: boolean }[]>`select rehearsing() as rehearses`;
    if (row === undefined) return null;
    return row.rehearses
      ? 'rehearse, and nothing is paid for, until `mission agent connect` lets them work'
      : 'work with the programs that they were connected with';
  } catch {
    return null;
  } finally {
    await database.close();
  }
}

/** What runs where, and what to type next in a terminal that opens anywhere. */
export function banner(
  around: Surroundings,
  stack: Stack,
  note: string,
  agents: string | null = null,
): string {
  const { place, version } = around;
  const { isOnPath, command } = waysOf({ ...place, cwd: place.root });
  const onPath = ['', 'To type `mission` in any folder, once:', `  ${installLine(place.program)}`];
  return [
    '',
    stack.adopted ? 'Mission Control runs already.' : `Mission Control ${version} is up.`,
    ...rowsOf(around, stack),
    ...(agents === null ? [] : [`  ${'Agents'.padEnd(11)}${agents}`]),
    ...anotherAddress(around, stack),
    '',
    'Type next, in another terminal:',
    ...(isOnPath ? [] : [`  cd ${quoted(place.root)}`]),
    `  ${command('task create "Say hello" --wait')}`,
    `  ${command('status')}`,
    `  ${command('--help')}`,
    ...(isOnPath ? [] : onPath),
    ...(stack.adopted ? [] : ['', note]),
  ].join('\n');
}

function rowsOf({ config, place }: Surroundings, { addresses }: Stack): string[] {
  const database = new URL(addresses.databaseUrl);
  const cli = readState(place.home)?.temporal?.cli ?? null;
  const isElsewhere = cli !== null && firstOnPath('temporal', config.searchPath) === null;
  const rows: [string, string][] = [
    ['Web UI', addresses.uiUrl ?? 'of your own Temporal server'],
    ['Temporal', `${addresses.temporalAddress}, namespace ${addresses.namespace}`],
    ...(isElsewhere ? [['Its CLI', cli] as [string, string]] : []),
    ['Task queue', config.taskQueue],
    ['Postgres', `${database.host}${database.pathname}`],
    ['Data', place.home],
  ];
  return rows.map(([name, value]) => `  ${name.padEnd(11)}${value}`);
}

/** Programs that are not told would talk to whoever has the usual port, and nobody would notice. */
function anotherAddress({ config }: Surroundings, { addresses }: Stack): string[] {
  const { temporalAddress, uiUrl } = addresses;
  const isUsual = /^(127\.0\.0\.1|localhost):7233$/.test(temporalAddress);
  if (isUsual || config.temporal?.address === temporalAddress) return [];
  const why = uiUrl === null ? '' : `The usual port ${USUAL_PORT} was taken. `;
  return [
    '',
    `${why}For programs and the temporal CLI:`,
    `  export TEMPORAL_ADDRESS=${temporalAddress}`,
  ];
}
