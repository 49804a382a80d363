import { notePullRequest } from '../drizzle/pull-requests.js';
import { hasEnded, type LandingBrief } from '../drizzle/steps.js';
import type { Standing } from '../src/contract.js';
import { taskLabel } from '../src/domain/ids.js';
import { type Judgement, judge, pullRequestText } from '../src/domain/pull-request.js';
import { timeline } from '../src/domain/timeline.js';
import { type OpenedPullRequest, Refusal, Trouble } from '../src/github/index.js';
import { type Deps, paceOf } from './deps.js';
import { endedMeanwhile } from './failures.js';
import type { Came, Place, Waits } from './landing-place.js';
import { cameOfJudgement, refusedAs, sentenceOf } from './pull-request-words.js';
import { lookAfter } from './watch-pull-requests.js';

/**
 * Brings the accepted result as far as it goes: pushed and opened, once a landing; then looked at,
 * each time that it has moved. What cannot be done right now waits, and is never a failure.
 */
export async function landAsPullRequest(
  deps: Deps,
  brief: LandingBrief,
  repository: NonNullable<LandingBrief['repository']>,
  beating: Place['beating'],
): Promise<Came | Waits> {
  const { github, workspaces } = deps;
  const origin = await workspaces.origin(repository.location);
  const slug = origin === null ? null : github.slugOf(origin);
  if (slug === null) {
    const where = origin === null ? 'has no remote origin' : `has the origin ${origin}`;
    const sentence = `${repository.name} ${where}, which is not on ${github.host}`;
    return refusedAs('no-pull-requests', `${sentence}: nothing can be opened there`);
  }
  const place = { deps, brief, repository, slug, beating, branch: workspaces.branchOf(brief.task) };
  try {
    if (brief.pullRequest?.openedFor !== brief.number) return await bringUp(place);
    return await look(place);
  } catch (error) {
    if (error instanceof Refusal) return refusedAs('refused', error.message);
    if (!(error instanceof Trouble)) throw error;
    return await waitOut(place, error);
  }
}

/** The commits that may be merged. */
const headsOf = ({ execution, before }: LandingBrief): string[] =>
  [execution.commit, before?.taken ?? ''].filter((head) => head !== '');

/** Pushed, and opened, opened again or brought up to date. */
async function bringUp(place: Place): Promise<Came | Waits> {
  const { brief, deps, slug } = place;
  const { pullRequest: known, execution, before } = brief;
  let number = known?.number ?? null;
  let reopens = false;
  let head: string | null = null;
  if (known !== null && number !== null) {
    const asked = { slug, number, commit: execution.commit, since: known.since, seen: {} };
    const { pullRequest: seen } = await deps.github.look(asked);
    const heads = [...headsOf(brief), known.pushed ?? '', known.pushing ?? ''];
    const judged = judge(seen, { heads, told: known.told, quietMs: 0 });
    head = seen.head;
    if (judged.kind === 'merged' && !headsOf(brief).includes(seen.head)) {
      number = null; // what was accepted before is merged; the rest needs one of its own
    } else if (judged.kind === 'closed' && before?.kind === 'pull-request-closed') {
      reopens = true;
    } else if (judged.kind !== 'waits' && judged.kind !== 'feedback') {
      return await cameOf(place, judged);
    }
  }
  if (head === null || head !== before?.taken) {
    const blocked = await push(place);
    if (blocked !== null) return blocked;
  }
  const opened = await openedAs(place, number, reopens);
  const { number: opens, url } = opened;
  const { standing } = await noted(place, {
    ...{ number: opens, url },
    ...{ state: 'open', openedFor: brief.number, looks: 0, detail: null, trouble: null },
    lookAfterMs: paceOf(deps).firstLookMs,
    standing: true,
  });
  return waiting(url, null, standing);
}

async function push(place: Place): Promise<Came | null> {
  const { brief, deps, repository, slug, branch, beating } = place;
  const { execution, task, pullRequest: known } = brief;
  const { github, workspaces, database } = deps;
  const remote = { url: github.gitUrl(slug), environment: await github.gitAccess() };
  const { ended } = await noted(place, { pushing: execution.commit });
  if (ended) throw endedMeanwhile(taskLabel(task.number));
  const published = await workspaces.publish({
    repository: { repositoryId: repository.id, location: repository.location },
    ...{ remote, branch, commit: execution.commit, signal: beating.signal },
    ours: [known?.pushed ?? '', known?.pushing ?? ''],
    // A workflow that was terminated tells its activity only at the next heartbeat.
    async beforeMove() {
      if (await hasEnded(database, task.id)) throw endedMeanwhile(taskLabel(task.number));
    },
  });
  switch (published.kind) {
    case 'published':
      await noted(place, { pushed: execution.commit });
      return null;
    case 'taken': {
      const { head } = published;
      if (known?.url) return await cameOfJudgement(place, { kind: 'moved', head }, known.url);
      const found = `${remote.url} has a branch ${branch} at ${head}`;
      return refusedAs('branch-taken', `${found} that is not of this task; rename it, then retry`);
    }
    case 'refused':
      return refusedAs('push-rejected', `${published.message}; allow it there, then retry`);
    default:
      return published satisfies never;
  }
}

/** Found, opened again or opened: after a crash nothing is opened twice. */
async function openedAs(
  place: Place,
  number: number | null,
  reopens: boolean,
): Promise<OpenedPullRequest> {
  const { brief, deps, repository, slug, branch } = place;
  const { github } = deps;
  const text = textOf(brief);
  if (reopens && number !== null) {
    try {
      await github.reopen(slug, number);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error; // its branch was replaced: a new one is opened
    }
  }
  const found = await github.find(slug, branch, brief.execution.commit);
  if (found === null) return github.open(slug, { branch, target: repository.target, ...text });
  if (found.isOpen) await github.update(slug, found.number, text);
  return found;
}

/** What has happened there, and what it means for the task. */
async function look(place: Place): Promise<Came | Waits> {
  const { brief, deps, slug } = place;
  const { pullRequest: known, execution, before } = brief;
  if (known === null || known.number === null) return await bringUp(place);
  const { number, since, seen } = known;
  const commit = before?.taken ?? execution.commit;
  const looked = await deps.github.look({ slug, number, commit, since, seen });
  const { quietMs } = paceOf(deps);
  const judged = judge(looked.pullRequest, { heads: headsOf(brief), told: known.told, quietMs });
  return await cameOf(place, judged, looked.seen);
}

async function cameOf(
  place: Place,
  judged: Judgement,
  seen: Awaited<ReturnType<Deps['github']['look']>>['seen'] = {},
): Promise<Came | Waits> {
  const { brief } = place;
  const url = brief.pullRequest?.url ?? '';
  const came = judged.kind === 'waits' ? null : await cameOfJudgement(place, judged, url);
  if (came !== null) {
    if (judged.kind === 'closed') await noted(place, { state: 'closed' });
    if (judged.kind === 'merged') await noted(place, { state: 'merged' });
    return came;
  }
  const detail = judged.kind === 'waits' ? judged.detail : null;
  const lookAfterMs = lookAfter(place.deps, 0);
  const note = { seen, looks: 0, detail, trouble: null, lookAfterMs, standing: true } as const;
  const { standing } = await noted(place, note);
  return waiting(url, detail, standing);
}

/** Mended by a person, by time or by the other side: upkeep asks again. */
async function waitOut(place: Place, trouble: Trouble): Promise<Waits> {
  const looks = (place.brief.pullRequest?.looks ?? 0) + 1;
  const lookAfterMs = trouble.retryAfterMs ?? lookAfter(place.deps, looks);
  const says = trouble.message;
  const note = {
    looks,
    lookAfterMs,
    trouble: { kind: trouble.kind, says },
    standing: true,
  } as const;
  const { standing } = await noted(place, note);
  return waiting(place.brief.pullRequest?.url ?? null, says, standing);
}

function waiting(url: string | null, detail: string | null, standing: Standing | null): Waits {
  if (standing === null) throw new Error('a note of a pull request told no standing');
  return { waits: sentenceOf(url, detail), standing };
}

const noted = (
  { deps, brief, slug, branch }: Place,
  note: Omit<Parameters<typeof notePullRequest>[1], 'task'>,
) =>
  notePullRequest(deps.database, {
    ...{ task: brief.task.id, slug: `${slug.owner}/${slug.name}`, branch },
    ...note,
  });

function textOf({ task, execution, reviews, runs }: LandingBrief) {
  const lines = runs.map((run) => ({ ...run, agent: run.agentName }));
  const head = { ...task, status: 'LANDING', blockedBy: null, waits: null } as const;
  return pullRequestText({
    label: taskLabel(task.number),
    title: task.title,
    summary: execution.summary,
    timeline: timeline(head, lines),
    reviews: reviews.map(({ agent, kind, summary }) => `${kind} by ${agent}: ${summary}`),
  });
}
