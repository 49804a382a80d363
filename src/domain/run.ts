export const RUN_KINDS = ['EXECUTION', 'REVIEW'] as const;
export type RunKind = (typeof RUN_KINDS)[number];

/** A run among those of its task. */
export interface RunName {
  readonly kind: RunKind;
  readonly number: number;
}

/** As people name a run: `execution 2` or `E2`, `review 1` or `R1`. Null for anything else. */
export function parseRunName(text: string): RunName | null {
  const [, word = '', digits] = /^(e|r|execution|review)[ -]?(\d{1,9})$/i.exec(text.trim()) ?? [];
  if (digits === undefined) return null;
  return { kind: /^e/i.test(word) ? 'EXECUTION' : 'REVIEW', number: Number(digits) };
}

/** `execution 2`, in a sentence and on a command line. */
export const runName = ({ kind, number }: RunName): string => `${kind.toLowerCase()} ${number}`;

export const RUN_STATES = [
  'QUEUED',
  'ADMITTED',
  'RUNNING',
  'SUCCEEDED',
  'FAILED',
  'CANCELLED',
] as const;
export type RunState = (typeof RUN_STATES)[number];

/** Why a run failed. `fault: 'agent'` counts towards pausing the agent by name. */
export const FAILURE_CAUSES = {
  'agent-error': { fault: 'agent', means: 'the agent ended with an error' },
  'no-result': { fault: 'agent', means: 'the agent ended without a result' },
  'unreadable-verdict': { fault: 'agent', means: 'the verdict could not be read, twice' },
  'refused-tree': { fault: 'agent', means: 'the working copy holds what may not be stored' },
  'time-limit': { fault: 'agent', means: 'the run took longer than its limit' },
  'lost-workers': { fault: 'system', means: 'ten workers in a row died on it without progress' },
  'not-kept': { fault: 'system', means: 'the work could not be done or kept, ten times in a row' },
  'setup-failed': { fault: 'system', means: 'the working copy could not be prepared' },
} as const satisfies Record<string, { fault: 'agent' | 'system'; means: string }>;
export type FailureCause = keyof typeof FAILURE_CAUSES;
