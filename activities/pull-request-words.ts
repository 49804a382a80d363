import { feedbackSummary, feedbackText, type Judgement } from '../src/domain/pull-request.js';
import type { Came, Place } from './landing-place.js';

export const refusedAs = (kind: string, summary: string, more: object = {}): Came => ({
  outcome: 'refused',
  kind,
  detail: { ...more, summary },
});

/** What a wait for a pull request says of itself. */
export const sentenceOf = (url: string | null, detail: string | null): string => {
  if (url === null) return detail ?? 'it is about to be opened';
  return detail === null ? url : `${url} (${detail})`;
};

const short = (commit: string): string => commit.slice(0, 12);

/** How the landing ends; null when it waits on. */
export async function cameOfJudgement(
  place: Place,
  judged: Exclude<Judgement, { kind: 'waits' }>,
  url: string,
): Promise<Came | null> {
  const { branch, brief, repository } = place;
  switch (judged.kind) {
    case 'merged': {
      const { commit, by } = judged;
      const summary = `landed as ${url}, merged by ${by} at ${short(commit)}`;
      const detail = { summary, how: 'pull-request', link: url, by, commit };
      const landedRef = `refs/heads/${repository.target}`;
      return { outcome: 'landed', kind: 'landed', detail, landedCommit: commit, landedRef };
    }
    case 'merged-unreviewed': {
      const { head, by } = judged;
      const what = `${url} was merged by ${by} at ${short(head)}, which nobody here has reviewed`;
      const sentence = `${what}; accept takes it as it is`;
      return refusedAs('pull-request-merged-unreviewed', sentence, { head, link: url });
    }
    case 'closed': {
      const what = `${url} was closed by ${judged.by} without a merge`;
      return refusedAs('pull-request-closed', `${what}; retry opens it again`, { link: url });
    }
    case 'moved': {
      const { head } = judged;
      const what = `somebody else has pushed ${short(head)} to ${branch} of ${url}`;
      const left = 'nobody here has reviewed that, and it is left alone';
      const ways = `accept takes it as it is, retry needs ${short(brief.execution.commit)} there`;
      return refusedAs('pull-request-moved', `${what}: ${left}; ${ways}`, { head, link: url });
    }
    case 'feedback':
      return await sentBack(place, judged, url);
    default:
      return judged satisfies never;
  }
}

/** One more cycle, in which what was said is answered and what conflicts is merged. */
async function sentBack(
  { deps, brief, repository, slug, beating }: Place,
  { remarks, conflicts }: Extract<Judgement, { kind: 'feedback' }>,
  url: string,
): Promise<Came | null> {
  const { github, workspaces } = deps;
  const clash = conflicts
    ? await workspaces.findClash({
        repository: { repositoryId: repository.id, location: repository.location },
        remote: { url: github.gitUrl(slug), environment: await github.gitAccess() },
        ...{ target: repository.target, taskId: brief.task.id, signal: beating.signal },
        commit: brief.execution.commit,
      })
    : null;
  // Git finds no conflict: what the other side says of it is out of date.
  if (remarks.length === 0 && clash === null) return null;
  const conflict = clash === null ? null : { target: repository.target, files: clash.files };
  return {
    outcome: brief.landingCycles >= brief.landingBound ? 'atCap' : 'conflict',
    kind: 'pull-request-feedback',
    detail: {
      summary: feedbackSummary(remarks, conflict),
      text: feedbackText(url, remarks, conflict),
      told: remarks.map(({ id }) => id),
      target: clash?.target ?? brief.mergedTarget,
      ...(clash === null ? {} : { files: clash.files }),
      link: url,
      execution: brief.execution.number,
    },
  };
}
