import { whatIf } from '../../drizzle/configure.js';
import { type PolicyRow, readPolicies } from '../../drizzle/read-house.js';
import {
  countKeptTranscripts,
  type InboxTask,
  readInboxTasks,
  readLimitsInHindsight,
  readWeekTasks,
  readWeekVerdicts,
} from '../../drizzle/read-policies.js';
import type { Admission } from '../domain/admission.js';
import {
  counted,
  daySentence,
  decide,
  hindsight,
  personFigures,
  personSentence,
  spawnFigures,
  spawnSentence,
} from '../domain/hindsight.js';
import { taskLabel } from '../domain/ids.js';
import { changedFields, type FieldChange, type Policy } from '../domain/policy.js';
import type { WaitReason } from '../domain/task.js';
import type { ServiceDeps } from './deps.js';
import { ServiceError } from './errors.js';
import { changedMeanwhile, edited, inForce } from './policies.js';

/** Tasks that wait for one reason and by one rule. */
export interface WaitsBy {
  readonly reason: WaitReason;
  /** With its value: `execution-limits.maxDailyPerAgent = 50`; null where no rule holds them. */
  readonly rule: string | null;
  readonly tasks: number;
}

/** What a change would do. Nothing of it is done. */
export interface DryRun {
  readonly name: string;
  /** The version in force, that the change was tried on. */
  readonly version: number;
  readonly enabled: boolean;
  readonly changes: readonly FieldChange[];
  /** Tasks of which a run would start at once. */
  readonly started: readonly string[];
  /** Tasks that would leave the inbox. */
  readonly admitted: readonly string[];
  /** Those that would wait on, most of a kind first. */
  readonly waits: readonly WaitsBy[];
  /** What the new value would have made of the last seven days. */
  readonly lastWeek: object;
  readonly lastWeekSaid: readonly string[];
}

/** Tries edits such as `maxPriority=HIGH` on the records, by what would apply them. */
export async function dryRunPolicy(
  deps: ServiceDeps,
  name: string,
  edits: readonly string[],
): Promise<DryRun> {
  const { database, principal: by, door } = deps;
  const policies = await readPolicies(database);
  const now = inForce(policies, name);
  const to = { ...now, version: now.version + 1, value: edited(now, edits) };
  const changes = changedFields(now, to);
  if (changes.length === 0) {
    const same = `${edits.join(' ')}: this is in force already`;
    throw new ServiceError(
      'usage',
      `${same} (version ${now.version} of ${name}); try another value`,
    );
  }
  const ruling = to.name === 'auto-approve' ? to : inForce(policies, 'auto-approve');
  const inbox = (await readInboxTasks(database)).map((task) => ({
    ...task,
    admission: decide(ruling as Policy<'auto-approve'>, task),
  }));
  // Another policy has no part in the inbox: who waits there is not decided again because of it.
  const admissions =
    to.name !== 'auto-approve'
      ? []
      : inbox
          .filter(({ admission }) => admission.kind === 'admitted')
          .map(({ id: task, admission }) => ({ task, admission }));
  const given = { name: now.name, baseVersion: now.version, value: to.value, by, door, why: '' };
  const answer = await whatIf(database, { ...given, admissions });
  if (answer.kind === 'changed') throw changedMeanwhile(now.name, answer);
  const left = inbox.filter(({ number }) => !answer.admitted.includes(number));
  const waits = [...answer.waits, ...inboxWaits(left, ruling)];
  return {
    name,
    version: now.version,
    enabled: now.enabled,
    changes,
    started: answer.started.map(taskLabel),
    admitted: answer.admitted.map(taskLabel),
    waits: waits.toSorted((one, other) => other.tasks - one.tasks),
    ...(await lastWeek(deps, now, to)),
  };
}

function inboxWaits(
  inbox: readonly (InboxTask & { readonly admission: Admission })[],
  ruling: PolicyRow,
): WaitsBy[] {
  const value = new Map<string, unknown>(Object.entries(ruling.value));
  const rules = {
    lead: 'LEAD',
    'policy-disabled': 'auto-approve = disabled',
    priority: `auto-approve.maxPriority = ${value.get('maxPriority')}`,
    'agent-type': `auto-approve.allowedAgentTypes = ${value.get('allowedAgentTypes') || 'none'}`,
  };
  const counts = new Map<string | null, number>();
  for (const { admission } of inbox) {
    const rule = admission.kind === 'waits' ? rules[admission.rule] : null;
    counts.set(rule, (counts.get(rule) ?? 0) + 1);
  }
  return [...counts].map(([rule, tasks]) => ({ reason: 'approval', rule, tasks }));
}

type LastWeek = Pick<DryRun, 'lastWeek' | 'lastWeekSaid'>;

/** Only what can be said truly: a cap that was met, a figure that was passed. */
async function lastWeek(deps: ServiceDeps, now: PolicyRow, to: PolicyRow): Promise<LastWeek> {
  const { database } = deps;
  switch (to.name) {
    case 'execution-limits': {
      const figures = to.enabled ? to.value : NOTHING;
      const told = await readLimitsInHindsight(database, figures);
      return said(
        told,
        hindsight(told, ({ runs }) => runs, daySentence),
      );
    }
    case 'spawn': {
      const told = spawnFigures(await readWeekVerdicts(database), to as Policy<'spawn'>);
      return said(
        told,
        hindsight(told, ({ asked }) => asked, spawnSentence),
      );
    }
    case 'retention': {
      const { transcriptDays } = (to as Policy<'retention'>).value;
      const transcripts = to.enabled ? await countKeptTranscripts(database, transcriptDays) : 0;
      const would = `${counted(transcripts, 'transcript')} would be let go within the hour`;
      return said({ transcripts }, [would]);
    }
    case 'auto-approve':
    case 'review':
    case 'landing': {
      const told = personFigures(await readWeekTasks(database), to, now);
      return said(
        told,
        hindsight(told, ({ tasks }) => tasks, personSentence),
      );
    }
    default:
      return to.name satisfies never;
  }
}

const NOTHING = {
  maxConcurrentPerAgent: 0,
  maxDailyPerAgent: 0,
  maxDailyPerReviewer: 0,
  maxDailyTokens: 0,
};

const said = (lastWeek: object, lastWeekSaid: readonly string[]): LastWeek => ({
  lastWeek,
  lastWeekSaid,
});
