import fc from 'fast-check';
import { POLICY_NAMES } from '../../src/domain/policy.js';
import { PRIORITIES, VERBS } from '../../src/domain/task.js';
import type { Driver } from './driver.js';
import { ACCEPTANCE } from './verdicts.js';
import { close, decide, followUps, land, openTasks, pick, pickAgent, start } from './work.js';
import { REPOSITORIES } from './world.js';

/** How often each is done: mostly work, now and then a door that is shut, a death, a day. */
const DEEDS = {
  // First, since shrinking puts it in the place of what does not matter.
  promote: 2,
  file: 7,
  drive: 45,
  start: 26,
  close: 26,
  land: 10,
  followUps: 5,
  verb: 7,
  unblock: 14,
  limits: 2,
  policy: 3,
  agent: 2,
  squad: 1,
  seed: 1,
  again: 3,
  reset: 2,
  repeat: 5,
  midnight: 1,
  come: 2,
  roster: 1,
} as const;
const weighted = Object.entries(DEEDS).flatMap(([what, often]) =>
  Array.from({ length: often }, () => what as keyof typeof DEEDS),
);
const number = fc.noBias(fc.nat({ max: 9_999 }));

/** What happens, and the numbers by which it chooses. */
const deed = fc.noBias(
  fc.record(
    { what: fc.constantFrom(...weighted), one: number, two: number, three: number },
    { noNullPrototype: true },
  ),
);
export type Deed = typeof deed extends fc.Arbitrary<infer T> ? T : never;
export const deeds = (length: number): fc.Arbitrary<Deed[]> =>
  fc.noBias(fc.array(deed, { minLength: 1, maxLength: length, size: 'max' }));

type Doing = (driver: Driver, one: number, two: number, three: number) => void;

const DOING: Readonly<Record<keyof typeof DEEDS, Doing>> = {
  file,
  drive,
  start,
  close,
  land,
  followUps,
  verb: (driver, one, two, three) => decide(driver, VERBS, one, two, three),
  unblock: (driver, one, two, three) => decide(driver, UNBLOCKING, one, two, three),
  policy,
  again(driver, one) {
    const task = pick(openTasks(driver), one);
    if (!task?.registered) return;
    driver.call('decide_again', task.id, driver.admission(task.assignee, task.priority));
  },
  reset(driver, one) {
    const task = pick(openTasks(driver), one);
    if (task) driver.life(task.id).reset();
  },
  repeat: (driver) => driver.repeat(),
  midnight(driver) {
    driver.call('midnight');
    driver.call('promote');
  },
  come(driver) {
    driver.call('come');
    driver.call('promote');
  },
  promote(driver) {
    driver.call('promote');
  },
  roster(driver, one, two) {
    if (one % 3 === 0) driver.call('connect', { agent: pickAgent(two) });
    else driver.call('retype', { agent: 'implementer', type: one % 2 ? 'LEAD' : 'SPC' });
  },
  agent(driver, one, two) {
    const by = personOf(two);
    driver.call('set_agent', { agent: pickAgent(one), enabled: two % 3 > 0, by });
  },
  squad(driver, one) {
    driver.call('set_squad_paused', { paused: one % 3 === 0, by: personOf(one) });
  },
  seed(driver) {
    const policies = driver.record.world.policies.filter(({ version }) => version === 1);
    driver.call('seed', { policies });
  },
  limits(driver, one, two, three) {
    const value = {
      maxConcurrentPerAgent: one % 4,
      maxDailyPerAgent: two % 9,
      maxDailyPerReviewer: three % 12,
      maxDailyTokens: 40 * ((one + two) % 12),
      timeZone: driver.record.policyNow('execution-limits').value.timeZone,
    };
    setPolicy(driver, 'execution-limits', value, three % 15 > 0, two % 6 > 0);
  },
};

export const act = (driver: Driver, { what, one, two, three }: Deed): void =>
  DOING[what](driver, one, two, three);

/** Bounds that a task meets within a few steps. */
export function begin(driver: Driver, timeZone = 'UTC'): void {
  const { value } = driver.record.policyNow('execution-limits');
  setPolicy(driver, 'execution-limits', { ...value, timeZone }, true, true);
  setPolicy(driver, 'review', { maxCycles: 2 }, true, true);
  setPolicy(driver, 'landing', { maxLandingCycles: 1 }, true, true);
  setPolicy(driver, 'spawn', { maxDepth: 2, maxPerVerdict: 2, maxPerTree: 3 }, true, true);
}

const UNBLOCKING = ['answer', 'retry', 'retry', 'reassign', 'accept', 'approve'] as const;

function file(driver: Driver, one: number, two: number, three: number): void {
  if (openTasks(driver).length > 3 && one % 5 > 0) return; // some are to be carried to their end
  const id = driver.newId();
  const assignee = pickAgent(one);
  const reviewing = ['reviewer', 'tester'].filter((each) => each !== assignee);
  const keyed = three % 4 === 0 ? { source: 'ci', key: `${three % 5}` } : null;
  const request = {
    title: `Task ${id.slice(-3)}`,
    description: '',
    acceptance: ACCEPTANCE,
    priority: pick(PRIORITIES, two) ?? 'NORMAL',
    assignee,
    reviewers: reviewing.slice(0, two % 3),
    repository: pick([null, ...REPOSITORIES], three) ?? null,
    owner: 'person:ann',
    source: keyed?.source ?? null,
    key: keyed?.key ?? null,
  };
  driver.file({ id, workflowId: `task/${id}`, request });
}

/** Some workflow goes a statement further; upkeep starts what was filed. */
function drive(driver: Driver, one: number): void {
  const lives = [...driver.lives.values()];
  lives.some((_, index) => pick(lives, one + index)?.step());
}

function policy(driver: Driver, one: number, two: number, three: number): void {
  const name = pick(POLICY_NAMES, one) ?? 'review';
  const values: Partial<Record<typeof name, object>> = {
    'auto-approve': {
      maxPriority: pick(PRIORITIES, two),
      allowedAgentTypes: [['SPC'], ['INT'], ['SPC', 'INT'], []][three % 4],
    },
    review: { maxCycles: 1 + (two % 3) },
    spawn: { maxDepth: two % 4, maxPerVerdict: three % 4, maxPerTree: 1 + (two % 6) },
    landing: { maxLandingCycles: two % 3 },
  };
  const value = values[name] as Record<string, unknown> | undefined;
  if (value) setPolicy(driver, name, value, three % 7 > 0, two % 6 > 0);
}

function setPolicy(
  driver: Driver,
  name: (typeof POLICY_NAMES)[number],
  value: Readonly<Record<string, unknown>>,
  enabled: boolean,
  current: boolean,
): void {
  const { version } = driver.record.policyNow(name);
  const baseVersion = current ? version : version - 1;
  const by = personOf(version);
  driver.call('set_policy', { name, baseVersion, value, enabled, by });
}

const personOf = (one: number): string => (one % 2 ? 'person:ann' : 'person:bob');
