import { lostConnection, ServiceError } from '../service/errors.js';
import type { Service } from '../service/index.js';
import { EXIT, EXIT_OF, type ExitCode, UsageError } from './exit.js';
import type { House } from './house.js';
import { tell } from './print.js';
import { createTerminal, type OutputOptions, type Terminal } from './terminal.js';

/** What an action gets. */
export interface Stage {
  readonly terminal: Terminal;
  readonly house: House;
  /** Aborted by Ctrl-C, where an action listens to it. */
  readonly interrupted: AbortSignal;
}

/** How a command ended; a signal is a code of its own. */
export class Exits {
  code: number = EXIT.ok;
}

/** Runs an action; what goes wrong is one sentence on stderr and an exit code, never a stack. */
export async function act(
  house: House,
  exits: Exits,
  output: OutputOptions,
  action: (stage: Stage) => Promise<number | undefined>,
): Promise<void> {
  const interruption = new AbortController();
  const interrupt = () => interruption.abort();
  try {
    const { color, ways, pager } = await house.settings();
    const terminal = createTerminal({ output, color, ways, pager });
    process.once('SIGINT', interrupt);
    const { signal: interrupted } = interruption;
    exits.code = (await action({ terminal, house, interrupted })) ?? EXIT.ok;
  } catch (error) {
    exits.code = interruption.signal.aborted ? EXIT.interrupted : await explain(house, error);
  } finally {
    process.removeListener('SIGINT', interrupt);
  }
}

export type ServiceStage = Stage & { readonly service: Service };

/** The same for an action over the service, which is opened for it and closed after it. */
export function actOnService(
  house: House,
  exits: Exits,
  output: OutputOptions,
  action: (stage: ServiceStage) => Promise<number | undefined>,
): Promise<void> {
  return act(house, exits, output, async (stage) => {
    const { service, close } = await house.open();
    try {
      return await action({ ...stage, service });
    } finally {
      await close();
    }
  });
}

async function explain(house: House, error: unknown): Promise<ExitCode> {
  const lost = lostConnection(error);
  const message = lost === null ? messageOf(error) : awayMessage(lost);
  // Settings that cannot be read are the error itself: then the plain name is all we have.
  const ways = await house.settings().then(
    (settings) => settings.ways,
    () => null,
  );
  tell(`mission: ${ways === null ? message : ways.inText(message)}`);
  if (error instanceof ServiceError) return EXIT_OF[error.kind];
  if (error instanceof UsageError || nameOf(error) === 'ConfigError') return EXIT.usage;
  return lost === null ? EXIT.failed : EXIT.unreachable;
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message || error.name : String(error);

const awayMessage = (error: unknown): string =>
  `the database does not answer (${messageOf(error)}); what is wrong: mission status`;

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : '');
