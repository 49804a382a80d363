import { isTerminal } from '../domain/task.js';
import type { TaskDetails } from '../service/index.js';
import { paintStatus } from './render-task.js';
import { clock, wrapped } from './table.js';
import type { Terminal } from './terminal.js';

/** Columns before what has happened: `12:03:04  IN_PROGRESS  `. */
const BEFORE = 23;

/** What was told of a task so far: told again only when it reads otherwise. */
export type Told = Map<string, string>;

/** One line a change since the last look: when, the task's status, what has happened. */
export function changesOf(task: TaskDetails, told: Told, terminal: Terminal): string[] {
  const lines = task.timeline.slice(1, -1).flatMap((line) => {
    const [, name = '', rest = ''] = /^├─ (\w+ \d+)(.*)$/.exec(line) ?? [];
    // Admitted is over in a moment, or there is a wait that says more.
    if (!isNew(told, name, line) || rest.includes('] ADMITTED')) return [];
    return [lineOf(task, momentOf(task, name), `${name}${quietly(rest)}`, terminal)];
  });
  const { status, blocked, standstill } = task;
  const waits = standstill?.sentence ?? '';
  const isChanged = isNew(told, 'status', `${status} ${blocked} ${waits}`);
  const saysMore = waits !== '' || isTerminal(status) || lines.length === 0;
  if (!isChanged || !saysMore) return lines;
  return [...lines, lineOf(task, task.statusSince, waits, terminal)];
}

function isNew(told: Told, key: string, text: string): boolean {
  if (told.get(key) === text) return false;
  told.set(key, text);
  return true;
}

/** A run's state in small letters: the loud word of a line is the task's. */
const quietly = (rest: string): string =>
  rest.replace(/\] ([A-Z]+)/, (_, state: string) => `] ${state.toLowerCase()}`);

function momentOf({ runs }: TaskDetails, name: string): string {
  const found = runs.find(({ kind, number }) => name.toUpperCase() === `${kind} ${number}`);
  return found?.endedAt ?? found?.startedAt ?? found?.queuedAt ?? new Date().toISOString();
}

function lineOf(task: TaskDetails, at: string, text: string, terminal: Terminal): string {
  const { colors, width } = terminal;
  const status = paintStatus(colors, task.status)(task.status.padEnd(11));
  const lines = wrapped(text, width, ' '.repeat(BEFORE)).join('\n').slice(BEFORE);
  return `${colors.dim(clock(at))}  ${status}  ${lines}`.trimEnd();
}
