/** The model's statements in the words of SQL, and SQL's answers in those of the model. */
import type { Call } from '../simulator/statements.js';

/** Fields of a JSON object in the order of their names. */
const entries = (column: string): string =>
  `(select coalesce(jsonb_agg(jsonb_build_array(e.key, e.value) order by e.key collate "C"), '[]')
    from jsonb_each(${column}) e)`;

/** All that both hold, as one value, in the order in which it came to be. */
export const snapshot = (waits: boolean): string => `select jsonb_build_object(
  'tasks', (select coalesce(jsonb_agg(jsonb_build_array(number, status, blocked, blocked_step,
      assignee, priority, reviewers, paused, cycles, landing_cycles, granted_cycles,
      granted_landings, admission ->> 'kind', admission_policy_version, depth, rehearsed,
      landed_from, landed_commit) order by number), '[]') from tasks),
  'runs', (select coalesce(jsonb_agg(jsonb_build_array(id, kind, number, cycle, seat, agent_id,
      by_person is not null, state, priority, hold, attempt, charged,
      day_of(clock_timestamp()) - day, estimate, work_tokens, outcome, fault, verdict_kind,
      reviewed_run_id, superseded, spawned is not null, rehearsed,
      ${waits ? "run_wait(r) ->> 'reason'" : 'null'}) order by place), '[]') from runs r),
  'agents', (select jsonb_agg(jsonb_build_array(id, type, enabled, paused_reason is not null)
      order by id) from agents),
  'decisions', (select coalesce(jsonb_agg(concat_ws(' ', task_id, question, decision, "by")
      order by concat_ws(' ', task_id, question, decision, "by") collate "C"), '[]')
      from decisions),
  'policies', (select jsonb_agg(jsonb_build_array(name, version, enabled, "by",
      ${entries('value')}) order by name collate "C", version) from policies),
  'audit', (select coalesce(jsonb_agg(jsonb_build_array(principal, action, subject,
      (select coalesce(jsonb_agg(jsonb_build_array(key, case jsonb_typeof(value)
        when 'object' then ${entries('value')} else value end) order by key collate "C"), '[]')
        from jsonb_each(detail - 'why'))) order by id), '[]')
      from audit where action not like 'task.%'),
  'landings', (select coalesce(jsonb_agg(concat_ws(' ', task_id, number, outcome)
      order by concat_ws(' ', task_id, number, outcome) collate "C"), '[]') from landings),
  'squadPaused', (select squad_paused from installation)) as now`;

/** Who asks, and why: the record wants to know it, the model does not. */
const ASKED = { by: 'person:ann', door: 'cli', why: 'a test', reason: '' };
const MORE: Readonly<Record<string, object>> = {
  begin_task: { firstExecutionRunId: 'first' },
  close_run: { events: [], cacheReadTokens: 0 },
  close_landing: { kind: 'x', detail: { summary: '' } },
  settle_cycle: { detail: '' },
  file_followups: { refused: [], notes: [] },
  seed: { agents: [] },
};
/** What no function does. */
const WORLD: Readonly<Record<string, (given: Record<string, string>) => string>> = {
  midnight: () => 'update runs set day = day - 1',
  come: () => 'update runs set available_at = clock_timestamp() where available_at > now()',
  retype: ({ agent, type }) => `update agents set type = '${type}' where id = '${agent}'`,
  connect: ({ agent }) => `update agents set backend = 'command', connected_at = now()
    where id = '${agent}'`,
};

export function statementOf({ name, given }: Call): { text: string; given: string[] } {
  const [first, second] = given;
  const world = WORLD[name];
  if (world) return { text: world((first ?? {}) as Record<string, string>), given: [] };
  switch (name) {
    case 'promote':
      return { text: 'select promote() as answer', given: [] };
    case 'start_attempt':
      return {
        text: 'select start_attempt($1::uuid, $2) as answer',
        given: [`${first}`, 'worker'],
      };
    case 'open_runs':
    case 'decide_again': {
      const text = `select ${name}($1::uuid, $2::jsonb) as answer`;
      return { text, given: [`${first}`, JSON.stringify(second)] };
    }
    case 'file_followups': {
      const { tasks, ...rest } = first as { tasks: readonly object[] };
      const all = { ...MORE[name], ...rest, tasks: tasks.map((t) => ({ ...t, door: 'agent' })) };
      return { text: `select ${name}($1::jsonb) as answer`, given: [JSON.stringify(all)] };
    }
    default: {
      const all = { ...ASKED, ...MORE[name], ...(first as object) };
      return { text: `select ${name}($1::jsonb) as answer`, given: [JSON.stringify(all)] };
    }
  }
}

interface Spoken {
  readonly wake?: readonly { readonly run: string }[];
  readonly end?: { kind: string; outcome?: string; admitted?: boolean; standing: Standing };
  readonly standing?: Standing;
  readonly begun?: { admission: { kind: string }; standing: Standing };
  readonly answer?: Verb;
  readonly [more: string]: unknown;
}
interface Standing {
  readonly status: string;
  readonly blocked: string | null;
  readonly opened: readonly { id: string; state: string; agent: string | null }[];
  readonly resolution: string | null;
}
interface Verb {
  readonly resolved: { step: string; resolution: string } | null;
  readonly admission: { kind: string };
  readonly admitted: readonly string[];
  readonly cancelled: readonly string[];
  readonly [more: string]: unknown;
}

/** Both answers in one form: what the caller goes on with. */
export function asModel(name: string, reply: unknown, whose: 'model' | 'real'): unknown {
  if (name in WORLD) return null;
  const plain = whose === 'real' ? translated(name, reply as Spoken) : (reply as object);
  return sorted(plain);
}

function translated(name: string, answer: Spoken): unknown {
  const woken = (answer.wake ?? []).map(({ run }) => run);
  switch (name) {
    case 'promote':
      return (answer as unknown as { run: string }[]).map(({ run }) => run);
    case 'file_task':
      return { created: answer.created, number: answer.number };
    case 'begin_task': {
      const { begun, error, number } = answer;
      if (!begun) return { error, number };
      const standing = standingOf(begun.standing);
      return { admission: begun.admission.kind, wake: woken, standing };
    }
    case 'decide_again':
      return { admission: answer.kind };
    case 'start_attempt':
      if (answer.kind === 'closed') return { kind: 'closed', outcome: answer.end?.outcome ?? null };
      if (answer.kind === 'queued') return { kind: 'queued', wait: answer.wait };
      return { kind: answer.kind, attempt: answer.attempt };
    case 'close_run': {
      const { end } = answer;
      if (!end) return { stale: true, wake: [] };
      const standing = standingOf(end.standing);
      if (end.kind === 'closed') return { outcome: end.outcome ?? null, standing, wake: woken };
      return { outcome: 'requeued', admitted: end.admitted, standing, wake: woken };
    }
    case 'close_landing': {
      const { end } = answer;
      if (!end) return { wake: woken, came: null };
      return { wake: woken, came: end.kind, standing: standingOf(end.standing) };
    }
    case 'apply_verb':
      return { ...verbOf(answer.answer), wake: woken };
    case 'file_followups': {
      const start = (answer.start ?? []) as readonly { id: string }[];
      const ids = start.map(({ id }) => id).sort();
      return answer.kind === 'changed' ? { kind: 'changed' } : { kind: 'filed', start: ids };
    }
    case 'seed':
      return {
        left: (answer as unknown as { outcome: string }[]).every(
          ({ outcome }) => outcome === 'left alone',
        ),
      };
    case 'set_policy':
      if (answer.kind === 'changed') return { kind: 'changed' };
      return { kind: 'set', version: answer.version, wake: woken };
    case 'set_agent':
      return { kind: answer.kind, wake: woken };
    case 'set_squad_paused':
      return { wake: woken };
    default:
      return { wake: woken, ...(answer.standing ? { standing: standingOf(answer.standing) } : {}) };
  }
}

const standingOf = ({ status, blocked, opened, resolution }: Standing): Standing => ({
  status,
  blocked,
  opened: opened.map(({ id, state, agent }) => ({ id, state, agent })),
  resolution,
});

function verbOf(answer: Verb | undefined): object {
  if (!answer) return {};
  const { error, status, blocked, resolved, admission, admitted, cancelled } = answer;
  return {
    ...{ error, status, blocked, admission: admission.kind, admitted, cancelled },
    resolved: resolved === null ? null : `${resolved.step} ${resolved.resolution}`,
  };
}

/** Keys in one order, and the lists that have none. */
function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value).map(([key, each]): [string, unknown] => {
    const unordered = key === 'admitted' || key === 'cancelled';
    return [key, unordered && Array.isArray(each) ? [...each].sort() : sorted(each)];
  });
  return Object.fromEntries(entries.sort(([left], [right]) => (left < right ? -1 : 1)));
}
