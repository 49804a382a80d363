import { accepts, type EarlierIssue, type Verdict } from './verdict.js';

/** One finished cycle, as the next execution and the next reviewer are told of it. */
export interface CycleRecord {
  readonly cycle: number;
  readonly execution: {
    readonly number: number;
    readonly agent: string;
    readonly report: string;
    readonly superseded: boolean;
  };
  readonly reviews: readonly {
    readonly number: number;
    readonly agent: string;
    /** By the machine's own checks. */
    readonly byChecks?: boolean;
    readonly verdict: Verdict;
  }[];
}

export type Settled =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'revision' }
  | { readonly kind: 'unreadable' };

/**
 * What the verdicts of one cycle come to; `null` is one that could not be read.
 * No verdict at all is unreadable too: nothing is accepted that nobody accepted.
 */
export function settleReviews(verdicts: readonly (Verdict | null)[]): Settled {
  if (verdicts.some((verdict) => verdict !== null && !accepts(verdict.kind))) {
    return { kind: 'revision' };
  }
  if (verdicts.length === 0 || verdicts.includes(null)) return { kind: 'unreadable' };
  return { kind: 'accepted' };
}

/** The id under which an issue is answered: `R2.1` is the first issue of review 2. */
export const issueId = (review: number, index: number): string => `R${review}.${index + 1}`;

/**
 * Every issue of earlier verdicts that is not answered `fixed` or `withdrawn` yet, oldest first.
 * Where the reviewers of one cycle disagree, `open` wins: an issue is not lost to a quick reader.
 */
export function openIssues(cycles: readonly CycleRecord[]): EarlierIssue[] {
  const open = new Map<string, EarlierIssue>();
  for (const { reviews } of cycles.toSorted((left, right) => left.cycle - right.cycle)) {
    const answers = reviews.flatMap(({ verdict }) => verdict.earlier);
    const stillOpen = new Set(answers.filter((a) => a.answer === 'open').map((a) => a.issue));
    for (const { issue } of answers) if (!stillOpen.has(issue)) open.delete(issue);
    for (const { number, verdict } of reviews) {
      for (const [index, issue] of verdict.issues.entries()) {
        const id = issueId(number, index);
        open.set(id, { id, ...issue });
      }
    }
  }
  return [...open.values()];
}
