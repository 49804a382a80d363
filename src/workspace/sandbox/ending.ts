import { constants } from 'node:os';
import type { Ending } from '../launch.js';

/**
 * How a command in bubblewrap really ended: a signal inside is told outside by an exit code, and a
 * sandbox that could not be made by an exit code and a message of its own.
 * @param over whether it was ended because it used more than it may
 */
export function endingInside(ending: Ending, said: string, over: boolean): Ending {
  if (ending.kind === 'cancelled' && over) return { kind: 'killed', signal: 'SIGKILL' };
  if (ending.kind !== 'exited') return ending;
  if (ending.exitCode === 1 && said.startsWith('bwrap: ')) {
    return { kind: 'not-started', reason: `the sandbox could not be made: ${said.trim()}` };
  }
  const signal = FATAL.find((name) => constants.signals[name] === ending.exitCode - 128);
  return signal === undefined ? ending : { kind: 'killed', signal };
}

/** Those by which programs end without a word; a program that exits so by itself means the same. */
const FATAL = [
  'SIGILL',
  'SIGABRT',
  'SIGBUS',
  'SIGFPE',
  'SIGKILL',
  'SIGSEGV',
  'SIGTERM',
  'SIGXCPU',
  'SIGXFSZ',
  'SIGSYS',
] as const;
