import type { RunKind } from '../../domain/run.js';
import { isBlank } from '../../domain/text.js';
import type { RunOutcome, Usage } from '../backend.js';
import { type Handover, NOTHING_SPENT, type Spent, type Told } from './reading.js';

/** What is known of an execution without asking its agent. */
export interface Facts {
  /** Whether a file differs from before the run; null: that is not known. */
  readonly changed: boolean | null;
  /** A task without files is done in words alone. */
  readonly hasFiles: boolean;
  /** The whole text of all commands and their output. */
  readonly commands: string;
  /** Seconds since 1970. */
  readonly now: number;
}

/** Where a provider does not say when its limit ends. */
const LATER_SECONDS = 15 * 60;
const LATER_MAX_SECONDS = 7 * 86_400;

/**
 * How a run ended: what the program says, held against what it did. Success is a fact, so that an
 * execution that changed nothing and gives no reason has failed, whatever it says.
 */
export function outcomeOf(
  kind: RunKind,
  told: Exclude<Told, { kind: 'no-session' }>,
  facts: Facts,
) {
  switch (told.kind) {
    case 'handed-over':
      return kind === 'REVIEW'
        ? reviewed(told.handover, facts)
        : executed(told.handover, told.denials, facts);
    case 'limited': {
      const wait = told.resetsAt === null ? LATER_SECONDS : Math.ceil(told.resetsAt - facts.now);
      const retryAfterSeconds = Math.min(Math.max(wait, 1), LATER_MAX_SECONDS);
      const { message } = told;
      return { kind: 'later', because: 'limit', message, retryAfterSeconds } satisfies RunOutcome;
    }
    case 'budget-spent':
      return { kind: 'out-of-budget', message: told.message } satisfies RunOutcome;
    case 'failed':
      return told satisfies RunOutcome;
    default:
      return told satisfies never;
  }
}

const says = (text: string | null): text is string => text !== null && !isBlank(text);

function executed(handover: Handover, denials: readonly string[], facts: Facts): RunOutcome {
  const { report, unchanged, question } = handover;
  if (says(question)) return { kind: 'asks', question };
  if (!says(report)) {
    return { kind: 'failed', cause: 'no-result', message: 'the agent ended without a report' };
  }
  const { commands } = facts;
  const done = { kind: 'finished', report, commands, verdict: null } as const;
  if (facts.changed !== false || !facts.hasFiles) return done;
  const failed = (message: string): RunOutcome => ({
    kind: 'failed',
    cause: 'agent-error',
    message: `${message}; its report: ${report}`,
  });
  if (denials.length > 0) {
    return failed(`it changed no file and was denied ${[...new Set(denials)].join(', ')}`);
  }
  if (!says(unchanged)) return failed('it changed no file and gives no reason');
  return { ...done, report: `${report}\n\nNothing was changed: ${unchanged}` };
}

function reviewed({ report, question, verdict }: Handover, { commands }: Facts): RunOutcome {
  if (says(question)) return { kind: 'asks', question };
  return { kind: 'finished', report, commands, verdict };
}

/** Programs count a session, a run counts its calls: the part that came with this one. */
export function spentSince(before: Spent | null, now: Spent): Spent {
  const counts = (pick: (usage: Usage) => number): number =>
    pick(now.usage) - pick(before?.usage ?? NOTHING_SPENT);
  const usage: Usage = {
    input: counts(({ input }) => input),
    output: counts(({ output }) => output),
    cacheRead: counts(({ cacheRead }) => cacheRead),
    cacheWrite: counts(({ cacheWrite }) => cacheWrite),
  };
  // A figure that fell was begun anew.
  if (Object.values(usage).some((each) => each < 0)) return now;
  const cost = now.costUsd === null ? null : now.costUsd - (before?.costUsd ?? 0);
  return { usage, costUsd: cost === null ? null : Math.max(0, cost) };
}
