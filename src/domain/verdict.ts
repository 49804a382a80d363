/** Two independent answers: is the work accepted, and are follow-up tasks filed? */
export const VERDICT_KINDS = ['APPROVED', 'REVISION', 'SPAWN', 'REVISION+SPAWN'] as const;
export type VerdictKind = (typeof VERDICT_KINDS)[number];

export const SEVERITIES = ['blocking', 'minor'] as const;
export type Severity = (typeof SEVERITIES)[number];

export const CRITERION_RESULTS = ['met', 'not-met', 'not-verified'] as const;
export type CriterionResult = (typeof CRITERION_RESULTS)[number];

export const EARLIER_ANSWERS = ['fixed', 'open', 'withdrawn'] as const;
export type EarlierAnswer = (typeof EARLIER_ANSWERS)[number];

export interface Issue {
  readonly severity: Severity;
  readonly text: string;
  readonly file?: string;
}

/** An issue of an earlier cycle, with the id it is answered under: `R1.2` is review 1, issue 2. */
export interface EarlierIssue extends Issue {
  readonly id: string;
}

/** A task that a verdict asks for. Policy caps how many are filed. */
export interface FollowUp {
  readonly title: string;
  readonly description: string;
  readonly acceptance: readonly string[];
  readonly assignee?: string;
  readonly priority?: 'LOW' | 'NORMAL' | 'HIGH' | 'URGENT';
}

/** A verdict after parsing: what the record holds. */
export interface Verdict {
  readonly kind: VerdictKind;
  readonly summary: string;
  readonly issues: readonly Issue[];
  readonly criteria: readonly {
    readonly criterion: string;
    readonly result: CriterionResult;
    readonly evidence: string;
  }[];
  readonly earlier: readonly {
    readonly issue: string;
    readonly answer: EarlierAnswer;
    readonly note?: string;
  }[];
  readonly followUps: readonly FollowUp[];
}

/** `SPAWN` accepts, with follow-ups. */
export const accepts = (kind: VerdictKind): boolean => kind === 'APPROVED' || kind === 'SPAWN';

export const spawns = (kind: VerdictKind): boolean => kind === 'SPAWN' || kind === 'REVISION+SPAWN';
