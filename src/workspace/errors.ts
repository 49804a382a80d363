/** What can go wrong in the workspace, as types. Every message names what failed and what to do. */
import { visible } from '../domain/text.js';

/**
 * A git command that ended badly. `command` carries no credentials, `stderr` is cut to 4,000
 * characters.
 */
export class GitError extends Error {
  override readonly name = 'GitError';
  readonly command: string;
  readonly exitCode: number | null;
  readonly stderr: string;

  constructor(detail: { command: string; exitCode: number | null; stderr: string; why?: string }) {
    const command = withoutCredentials(detail.command);
    const stderr = shorten(withoutCredentials(detail.stderr.trim()), 4000);
    const ending = detail.why ?? `ended with code ${detail.exitCode ?? 'none'}`;
    super(`${command}: ${ending}${stderr === '' ? '' : `: ${shorten(stderr, 600)}`}`);
    this.command = command;
    this.exitCode = detail.exitCode;
    this.stderr = stderr;
  }
}

/** Why files were not accepted into a snapshot. */
export const TREE_REFUSALS = [
  'symlink-out-of-tree',
  'submodule',
  'git-path',
  'blob-too-large',
  'attributes-filter',
  'git-folder-replaced',
  'malformed-object',
  'kept-out',
] as const;
export type TreeRefusal = (typeof TREE_REFUSALS)[number];

/** One path that cannot be kept as it is. */
export interface Finding {
  /** Relative to the working copy. */
  readonly path: string;
  readonly reason: TreeRefusal;
  /** Goes on after the path, as in `is a symbolic link to …; link within it`. */
  readonly why: string;
}

/** So many are named in the message; all are in the list. */
const NAMED_MAX = 20;

/** The agent's files cannot be kept as they are, for everything that `findings` lists. */
export class RefusedTree extends Error {
  override readonly name = 'RefusedTree';
  /** Of the first finding. */
  readonly path: string;
  readonly reason: TreeRefusal;
  readonly findings: readonly [Finding, ...Finding[]];

  constructor(path: string, reason: TreeRefusal, why: string, others: readonly Finding[] = []) {
    const findings = [{ path, reason, why }, ...others] as const;
    const named = findings.slice(0, NAMED_MAX).map((each) => `${visible(each.path)}: ${each.why}`);
    const more = findings.length - named.length;
    super([...named, ...(more > 0 ? [`and ${more} more`] : [])].join('\n'));
    this.path = path;
    this.reason = reason;
    this.findings = [...findings] as [Finding, ...Finding[]];
  }

  static of([first, ...others]: readonly [Finding, ...Finding[]]): RefusedTree {
    return new RefusedTree(first.path, first.reason, first.why, others);
  }
}

/** Why a repository cannot be used. */
export const REPOSITORY_FAULTS = [
  'bad-location',
  'not-found',
  'not-readable',
  'not-a-repository',
  'no-commits',
  'no-branch',
  'branch-missing',
  'submodules',
  'lfs',
  'shallow',
  'partial-clone',
  'unreachable',
  'copy-file',
] as const;
export type RepositoryFault = (typeof REPOSITORY_FAULTS)[number];

/** A repository that cannot be used as it is; the message says what to do about it. */
export class RepositoryError extends Error {
  override readonly name = 'RepositoryError';
  readonly location: string;
  readonly reason: RepositoryFault;

  constructor(location: string, reason: RepositoryFault, sentence: string) {
    super(`${withoutCredentials(location)}: ${sentence}`);
    this.location = withoutCredentials(location);
    this.reason = reason;
  }
}

/** Another process holds the repository's lock for longer than the caller would wait. */
export class LockTimeout extends Error {
  override readonly name = 'LockTimeout';

  constructor(path: string, waitedMs: number, holder: string) {
    const waited = Math.round(waitedMs / 1000);
    super(`${path} is held by ${holder} for more than ${waited} s; try again when it has ended`);
  }
}

/** The installed git lacks what landing needs. */
export class GitTooOld extends Error {
  override readonly name = 'GitTooOld';

  constructor(found: string) {
    super(
      `git ${found} is too old: Mission Control needs git 2.38 or newer (merge-tree); update git`,
    );
  }
}

/** Hides the user part of URLs, which may hold a token. */
export function withoutCredentials(text: string): string {
  return text.replace(/(\w+:\/\/)[^/\s']+@/g, '$1***@');
}

function shorten(text: string, limit: number): string {
  const cut = text.length - limit;
  return cut <= 0 ? text : `${text.slice(0, limit)} [${cut} more characters]`;
}
