import { readFileSync } from 'node:fs';
import type { AgentEvent, ProgramEnd } from '../../../src/agents/backend.js';
import type { PresetCraft } from '../../../src/agents/command/preset.js';

/** What a real program printed, answered by a model on loopback; only its paths are others. */
export const recorded = (name: string): string =>
  readFileSync(new URL(`recorded/${name}.jsonl`, import.meta.url), 'utf8');

/** How a program ended, with this output and unless told otherwise well. */
export const ended = (stdout: string, more: Partial<ProgramEnd> = {}): ProgramEnd => ({
  ending: { kind: 'exited', exitCode: 0 },
  stdout,
  stderr: '',
  cutBytes: 0,
  result: null,
  ...more,
});

export const exited = (exitCode: number) => ({ ending: { kind: 'exited', exitCode } }) as const;

/** All that is told live of an output. */
export function heard(craft: PresetCraft, stdout: string): AgentEvent[] {
  const listener = craft.listen();
  return stdout.split('\n').flatMap((line) => listener.hear(line, 'stdout'));
}
