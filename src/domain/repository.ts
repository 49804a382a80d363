/** How accepted work comes to a person's repository. */
export const LANDING_MODES = ['branch', 'merge', 'pull-request'] as const;
export type LandingMode = (typeof LANDING_MODES)[number];

/** How a repository is prepared for an agent and how its work is checked, as a person chose. */
export interface Recipe {
  /** A shell command that fetches the dependencies; null: there is nothing to fetch. */
  readonly setup: string | null;
  /** Whether what the setup installs may run scripts of its own. */
  readonly installScripts: boolean;
  /** Shell commands, in order. Each is green when it exits with 0. */
  readonly checks: readonly string[];
  /** The folder of the repository in which setup and checks run; '' is its root. */
  readonly folder: string;
  /**
   * Files of the person's own checkout that git does not hold, such as `.env.test`; each working
   * copy gets them.
   */
  readonly copies: readonly string[];
}

/** There is nothing to fetch and nothing to check. */
export const NO_RECIPE: Recipe = {
  setup: null,
  installScripts: false,
  checks: [],
  folder: '',
  copies: [],
};

/** How one check ended on one commit. */
export interface CheckResult {
  readonly command: string;
  /** Null: it was stopped or could not be started, as the last line of the output says. */
  readonly exitCode: number | null;
  /** Both streams; a long one has lost its middle, and says so. */
  readonly output: string;
  readonly durationMs: number;
}

/** How the checks ended on a commit that nobody has worked on yet. */
export interface Baseline {
  readonly commit: string;
  /** Of the lock files and the setup command: the same digest has the same dependencies. */
  readonly setupDigest: string;
  readonly checks: readonly CheckResult[];
}

/** Whether a check is green: it ran to its end and said so. */
export const isGreen = ({ exitCode }: Pick<CheckResult, 'exitCode'>): boolean => exitCode === 0;

/** A setup that failed. */
export interface FailedSetup {
  readonly output: string;
  /** Null: it was stopped or could not be started. */
  readonly exitCode: number | null;
  /** Whether this house was in the way, not the tree: no sandbox, no network, a missing file. */
  readonly isOurs: boolean;
}

/** Whether a baseline may be kept: a check that was stopped says nothing of the commit. */
export const isLasting = ({ checks }: Pick<Baseline, 'checks'>): boolean =>
  checks.every(({ exitCode }) => exitCode !== null);

/** How preparing a working copy came out. */
export type Prepared =
  | { readonly kind: 'ready'; readonly setupDigest: string; readonly cached: boolean }
  | ({ readonly kind: 'failed'; readonly setupDigest: string } & FailedSetup);
