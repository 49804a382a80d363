import type { AgentProgram } from './program.js';

/** How an installation runs programs of agents: see `MISSION_SANDBOX`. */
export const SANDBOX_LEVELS = ['bubblewrap', 'native', 'none'] as const;
export type SandboxLevel = (typeof SANDBOX_LEVELS)[number];

/** What a worker found of it; level null: no program of an agent is started there. */
export interface SandboxFound {
  readonly level: SandboxLevel | null;
  readonly why: string;
  readonly fix: string | null;
}

/** What a run's record says of it. */
export const UNSANDBOXED = 'unsandboxed';

type Level =
  | { readonly kind: 'may-run'; readonly level: SandboxLevel; readonly recorded: string }
  | { readonly kind: 'refused'; readonly message: string };

/** What the program of an agent runs in, by what this worker found and what connecting proved. */
export function levelFor(
  { level, why, fix }: SandboxFound,
  agent: { readonly id: string; readonly program: AgentProgram | null },
): Level {
  const { program } = agent;
  switch (level) {
    case null:
      return { kind: 'refused', message: fix === null ? why : `${why}; ${fix}` };
    case 'bubblewrap':
      return { kind: 'may-run', level, recorded: level };
    case 'none':
      return { kind: 'may-run', level, recorded: UNSANDBOXED };
    case 'native':
      if (program?.native?.held === true) return { kind: 'may-run', level, recorded: level };
      if (program?.unsandboxed === true) return { kind: 'may-run', level, recorded: UNSANDBOXED };
      return {
        kind: 'refused',
        message: `${unproved(program)}: mission agent connect ${agent.id} --unsandboxed`,
      };
    default:
      return level satisfies never;
  }
}

const unproved = (program: AgentProgram | null): string =>
  program?.native === undefined
    ? 'the sandbox of its own program was never tried here'
    : `the sandbox of its own program did not hold (${program.native.why})`;
