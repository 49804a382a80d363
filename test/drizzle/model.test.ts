import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { deeds } from '../simulator/deeds.js';
import { Model } from '../simulator/model.js';
import { onModel, type Planted, Real } from './both.js';

let real: Real;
beforeAll(async () => {
  real = await Real.open();
});
afterAll(() => real.close());

const SEQUENCES = fc.sample(deeds(300), { numRuns: 150, seed: 121 });

test('the model answers, and stands, as the real functions do', async () => {
  const names = new Set<string>();
  let statements = 0;
  await fc.assert(
    fc.asyncProperty(deeds(300), async (sequence) => {
      const told = onModel(sequence, new Model(), real.timeZone);
      for (const { name } of told) names.add(name);
      statements += told.length;
      expect(await real.differs(told)).toBeNull();
    }),
    // Shrinking asks the database hundreds of times: what it has found by then is told.
    { numRuns: 200, seed: 121, interruptAfterTimeLimit: 240_000 },
  );
  expect(statements).toBeGreaterThan(8_000);
  expect(names.size).toBe(20);
}, 300_000);

/** What a comparison is worth that does not see a rule broken in the real functions. */
const PLANTED: readonly (Planted & { readonly why: string })[] = [
  {
    why: 'a slot is leaked on cancel',
    function: '^cancel_open$',
    instead: `state in ('QUEUED', 'ADMITTED', 'RUNNING')`,
    of: `state = 'QUEUED'`,
  },
  {
    why: 'the write of a zombie is accepted',
    function: '^close_run$',
    instead: `s.attempt <> v_attempt or s.state <> 'RUNNING'`,
    of: `s.state <> 'RUNNING'`,
  },
  {
    why: 'a run that is queued again takes a new place',
    function: 'requeue_run',
    instead: `set state = 'QUEUED',`,
    of: `set state = 'QUEUED', place = nextval('runs_place_seq'),`,
  },
  {
    why: 'the reviewer is the executor',
    function: '^may_sit$',
    instead: 'a.id <> p_executor',
    of: 'true',
  },
  {
    why: 'policy approves for a LEAD',
    function: '^is_admitted$',
    instead: `(not p_lead or d."by" like 'person:%')`,
    of: 'true',
  },
  {
    why: 'superseded work counts',
    function: 'reassign_executor',
    instead: 'set superseded = true',
    of: 'set superseded = false',
  },
  {
    why: 'a retry grants no cycle',
    function: 'retry_block',
    instead: `when t.blocked = 'revision-cap' then 1`,
    of: `when t.blocked = 'revision-cap' then 0`,
  },
  {
    why: 'a smaller one overtakes the first in line',
    function: '^promote_held$',
    instead: `exit when v_spent + v_estimate > limit_of(v_limits, 'maxDailyTokens');`,
    of: '',
  },
  {
    why: 'a message is applied twice',
    function: 'apply_verb',
    instead: 'if found then',
    of: 'if false then',
  },
  {
    why: 'a policy keeps the value that it had',
    function: '^set_policy$',
    instead: `coalesce(nullif(p -> 'value', 'null'), v_now.value), p ->> 'by'`,
    of: `v_now.value, p ->> 'by'`,
  },
  {
    why: 'a field of a policy is stored as another figure',
    function: '^set_policy$',
    instead: `coalesce(nullif(p -> 'value', 'null'), v_now.value), p ->> 'by'`,
    of: `case v_now.name when 'spawn' then p -> 'value' || '{"maxDepth": 9}'
      else coalesce(nullif(p -> 'value', 'null'), v_now.value) end, p ->> 'by'`,
  },
  {
    why: 'a policy that is switched off stays on',
    function: '^set_policy$',
    instead: `coalesce((p ->> 'enabled')::boolean, v_now.enabled)`,
    of: 'true',
  },
  {
    why: 'a version of a policy names nobody',
    function: '^set_policy$',
    instead: `v_now.value), p ->> 'by', p ->> 'door'`,
    of: `v_now.value), 'system:seed', p ->> 'door'`,
  },
  {
    why: 'a version that nobody has seen is overwritten',
    function: '^set_policy$',
    instead: `if (p ->> 'baseVersion')::integer <> v_now.version then`,
    of: 'if false then',
  },
  {
    why: 'a change of a policy leaves no audit row',
    function: '^set_policy$',
    instead: `v_now.enabled), 'why', p ->> 'why'));`,
    of: `v_now.enabled), 'why', p ->> 'why'));
  alter table audit disable trigger append_only;
  delete from audit where action = 'policy.set';
  alter table audit enable trigger append_only;`,
  },
  {
    why: 'the audit of a policy names another person',
    function: '^set_policy$',
    instead: `values (p ->> 'by', p ->> 'door', 'policy.set'`,
    of: `values (v_now."by", p ->> 'door', 'policy.set'`,
  },
  {
    why: 'the audit of a policy tells another value than the one before',
    function: '^set_policy$',
    instead: `'before', v_now.value`,
    of: `'before', p -> 'value'`,
  },
  {
    why: 'the audit of an agent tells the opposite',
    function: '^set_agent$',
    instead: `then 'agent.enable' else 'agent.disable'`,
    of: `then 'agent.disable' else 'agent.enable'`,
  },
  {
    why: 'a pause of the squad is told of nobody',
    function: '^set_squad_paused$',
    instead: `values (p ->> 'by'`,
    of: `values ('system:limits'`,
  },
  {
    why: 'a seed puts the first values back',
    function: '^seed$',
    instead: 'v_new := false;',
    of: `v_new := false;
    alter table policies disable trigger append_only;
    update policies set value = v_row -> 'value' where name = v_row ->> 'name';
    alter table policies enable trigger append_only;`,
  },
  {
    why: 'a seed opens what a person has closed, by a version of its own',
    function: '^seed$',
    instead: 'v_new := false;',
    of: `v_new := false;
    insert into policies (name, version, enabled, value, by, door, why)
    select n.name, n.version + 1, true, n.value, 'system:seed', 'system', 'first value'
    from policy_now(v_row ->> 'name') n where not n.enabled;`,
  },
];

test.each(PLANTED)(
  'a change of the real functions is seen: $why',
  async ({ why: _, ...planted }) => {
    for (const sequence of SEQUENCES) {
      const told = onModel(sequence, new Model(), real.timeZone);
      const difference = await real.differs(told, planted);
      if (difference !== null) return;
    }
    expect.unreachable('the real functions went on as the model does');
  },
  300_000,
);
