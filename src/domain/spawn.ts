import type { PolicyValues } from './policy.js';
import { sameKey } from './text.js';
import type { FollowUp } from './verdict.js';

/** The tree of tasks that a verdict would add to, as the record knows it. */
export interface Tree {
  /** Depth of the task whose verdict asks: 0 for one that a person filed. */
  readonly depth: number;
  /** Tasks ever made in this tree, its root included; ended ones count too. */
  readonly treeSize: number;
  readonly titles: readonly string[];
}

export interface Clamped {
  readonly filed: readonly { readonly index: number; readonly followUp: FollowUp }[];
  readonly refused: readonly {
    readonly index: number;
    readonly title: string;
    readonly why: string;
  }[];
}

/** What of the asked follow-ups is filed, in the order asked; what a cap refuses is named. */
export function clampFollowUps(
  asked: readonly FollowUp[],
  caps: PolicyValues['spawn'],
  tree: Tree,
): Clamped {
  const filed: { index: number; followUp: FollowUp }[] = [];
  const refused: { index: number; title: string; why: string }[] = [];
  const taken = new Set(tree.titles.map(sameKey));

  // Written as "not within", so that a value which is no number refuses instead of letting through.
  const refusal = (key: string): string | null => {
    if (!(tree.depth + 1 <= caps.maxDepth)) return `depth cap ${caps.maxDepth}`;
    if (taken.has(key)) return 'same title as a task in this tree';
    if (!(filed.length < caps.maxPerVerdict)) return `per-verdict cap ${caps.maxPerVerdict}`;
    if (!(tree.treeSize + filed.length < caps.maxPerTree)) return `tree cap ${caps.maxPerTree}`;
    return null;
  };

  for (const [index, followUp] of asked.entries()) {
    const key = sameKey(followUp.title);
    const why = refusal(key);
    if (why !== null) {
      refused.push({ index, title: followUp.title, why });
      continue;
    }
    taken.add(key);
    filed.push({ index, followUp });
  }
  return { filed, refused };
}
