/** One move of one ref in the person's repository, by compare-and-swap. */
export interface MoveRequest {
  /** Full name. */
  ref: string;
  /** What it must name before; null when it must not exist. */
  from: string | null;
  /** What it names after; its objects are in the mirror. */
  to: string;
  /** A commit that both sides have whole, so that only news are sent; null sends all. */
  known: string | null;
}

/** Why a person's repository was left as it is. */
export const MOVE_REFUSALS = [
  'dirty-worktree',
  'operation-in-progress',
  'untracked-files',
  'checked-out-twice',
  'worktree-missing',
  'worktree-changed',
  'branch-taken',
  'target-missing',
  'target-keeps-moving',
  'unrelated-histories',
  'push-rejected',
  'not-writable',
] as const;
export type MoveRefusal = (typeof MOVE_REFUSALS)[number];

export type Move =
  | { kind: 'moved' }
  /** The ref no longer named `from`. */
  | { kind: 'stale' }
  | {
      kind: 'refused';
      reason: MoveRefusal;
      /** A sentence that names what is in the way and what to do. */
      message: string;
      /** The folder it is about. */
      path?: string;
      /** Relative to `path`. */
      files?: string[];
    };

/** The person's repository, as landing sees it. The caller holds its lock. */
export interface Destination {
  /** The commit a ref names; null when there is none. */
  tip(ref: string): Promise<string | null>;
  move(request: MoveRequest): Promise<Move>;
}
