import type { Baseline, CheckResult, Recipe } from '../domain/repository.js';

/** What a person's repository turns out to be, before it is registered. */
export interface Probed {
  readonly kind: 'path' | 'url';
  readonly location: string;
  readonly bare: boolean;
  readonly defaultBranch: string;
  /** The URL of `origin`, where there is one. */
  readonly remote: string | null;
}

/** What lies on a branch now. */
export interface Tip {
  readonly commit: string;
  /** All files, from the root. */
  readonly paths: readonly string[];
  read(path: string): Promise<string>;
}

/** A repository under the id that its mirror has. */
export interface Located {
  readonly id: string;
  readonly location: string;
}

/** What is run, and on what. */
export interface Measurable extends Located {
  readonly commit: string;
  readonly recipe: Recipe;
}

/** What setup and checks tell while they run. */
export type Progress =
  | { readonly kind: 'setup'; readonly command: string }
  /** Of what a command prints. */
  | { readonly kind: 'line'; readonly text: string }
  | { readonly kind: 'ready'; readonly command: string; readonly cached: boolean }
  | { readonly kind: 'check'; readonly command: string }
  | { readonly kind: 'checked'; readonly result: CheckResult };

/** How running setup and checks on a commit came out. */
export type Measured =
  | { readonly kind: 'measured'; readonly baseline: Baseline }
  | { readonly kind: 'setup-failed'; readonly output: string };

/** How a run of setup and checks is watched and called off. */
export interface Watching {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
}

/** Whose results: of a repository, or of a task that has none. */
export type ResultSource =
  | { readonly kind: 'repository'; readonly repositoryId: string }
  | { readonly kind: 'task'; readonly taskId: string };

/** What is done with repositories on this machine, outside of any task. */
export interface RepositoryDesk {
  /** Looks at a repository; throws a sentence that says what is wrong with it. */
  probe(location: string, branch?: string): Promise<Probed>;
  /** Brings the mirror up to date with a branch, and answers what lies there. */
  tip(repository: Located, branch: string, signal: AbortSignal): Promise<Tip>;
  /** Whether files of the checkout can be given to working copies; throws a sentence if not. */
  checkCopies(probed: Probed, copies: readonly string[]): Promise<void>;
  /** Prepares a working copy of a commit, runs the checks in it, and removes it. */
  measure(repository: Measurable, watching: Watching): Promise<Measured>;
  /** Why results cannot become pull requests where this remote is; null when they can. */
  whyNoPullRequests(remote: string | null): Promise<string | null>;
  /** What differs between two results; null where this machine does not have them both. */
  compare(source: ResultSource, from: string, to: string): Promise<string | null>;
  /** Removes the mirror of a repository that was not added after all. */
  forget(id: string): Promise<void>;
}
