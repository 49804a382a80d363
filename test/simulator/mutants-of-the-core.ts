import type { Verdict } from '../../src/domain/verdict.js';
import { Model } from './model.js';
import type { Mutant } from './simulate.js';
import { CORE, type Core } from './world.js';

const approval: Verdict = {
  kind: 'APPROVED',
  summary: 'well',
  ...{ issues: [], criteria: [], earlier: [], followUps: [] },
};
type Read = Core['readVerdict'];
const readingInstead =
  (reads: (raw: unknown) => boolean): Read =>
  (raw, expected) => {
    const read = CORE.readVerdict(raw, expected);
    return !read.ok && reads(raw) ? { ok: true, verdict: approval } : read;
  };
export const asSpecialist: Core['decideAdmission'] = (facts) =>
  CORE.decideAdmission({ ...facts, agentType: 'SPC' });
export const EVERYWHERE = [...CORE.legalIn('cancel'), 'DONE', 'REJECTED', 'CANCELLED'] as const;

/** Of the pure core: each stands in the place of a real function of `src/domain`. */
export const OF_THE_CORE: readonly Mutant[] = [
  {
    name: 'a garbage verdict approves',
    seenBy: [2],
    core: { readVerdict: readingInstead(() => true) },
  },
  {
    name: 'free text approves',
    seenBy: [2],
    core: { readVerdict: readingInstead((raw) => /APPROVED\./.test(String(raw))) },
  },
  { name: 'a REVISION accepts', seenBy: [1, 2], core: { accepts: () => true } },
  {
    name: 'one of two reviewers is enough',
    seenBy: [1, 2],
    core: {
      settleReviews: (verdicts) =>
        verdicts.some((verdict) => verdict !== null && CORE.accepts(verdict.kind))
          ? { kind: 'accepted' }
          : CORE.settleReviews(verdicts),
    },
  },
  {
    name: 'an unreadable verdict of several is passed over',
    seenBy: [1, 2],
    core: { settleReviews: (all) => CORE.settleReviews(all.filter((each) => each !== null)) },
  },
  { name: 'the rule admits a LEAD', seenBy: [14], core: { decideAdmission: asSpecialist } },
  {
    name: 'the rule admits while its policy is disabled',
    seenBy: [14],
    core: {
      decideAdmission: ({ policy, ...rest }) =>
        CORE.decideAdmission({ ...rest, policy: { ...policy, enabled: true } }),
    },
  },
  {
    name: 'the spawn cap is not for life',
    seenBy: [8],
    core: {
      clampFollowUps: (asked, caps, tree) =>
        CORE.clampFollowUps(asked, caps, { ...tree, treeSize: 1 }),
    },
  },
  {
    name: 'the depth of follow-ups has no cap',
    seenBy: [8],
    core: {
      clampFollowUps: (asked, caps, tree) =>
        CORE.clampFollowUps(asked, { ...caps, maxDepth: 99 }, tree),
    },
  },
  { name: 'verbs are legal after the end', seenBy: [14], core: { legalIn: () => EVERYWHERE } },
  {
    name: 'the reviewer may be named as executor',
    seenBy: [4, 14],
    core: { checkRequest: () => undefined },
    model: class extends Model {
      override executorOf(): string {
        return 'nobody';
      }
    },
  },
];
