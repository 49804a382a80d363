import type { LandingBrief } from '../drizzle/steps.js';
import type { LandingThen, Standing } from '../src/contract.js';
import type { Slug } from '../src/domain/pull-request.js';
import type { StoredFile } from './deliverable.js';
import type { Deps } from './deps.js';
import type { Beating } from './heartbeat.js';

/** What landing came to, before it is recorded. */
export interface Came {
  readonly outcome: keyof LandingThen;
  readonly kind: string;
  readonly detail: { readonly summary: string; readonly [fact: string]: unknown };
  readonly landedCommit?: string;
  readonly landedRef?: string;
  readonly withheld?: string;
  /** Of a task without a repository: its deliverable. */
  readonly files?: readonly StoredFile[];
}

/** The landing goes on when its pull request has moved. */
export interface Waits {
  readonly waits: string;
  readonly standing: Standing;
}

/** One landing as a pull request, with all that its steps need. */
export interface Place {
  readonly deps: Deps;
  readonly brief: LandingBrief;
  readonly repository: NonNullable<LandingBrief['repository']>;
  readonly slug: Slug;
  readonly branch: string;
  readonly beating: Pick<Beating, 'signal'>;
}
