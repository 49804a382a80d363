/**
 * Work of every kind under faults of every kind, drawn from a seed; then everything is counted.
 *
 *     npm run test:chaos -- --minutes 60 --seed 7 --report docs/proof/chaos.md
 */
import { writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { checkInvariants } from '../../drizzle/invariants.js';
import { connect } from '../../src/client/index.js';
import { addRepository } from '../support/repository.js';
import { openRig } from '../support/rig.js';
import { diceOf } from './dice.js';
import { Crew, deckOf, inflict } from './faults.js';
import { fileTasks } from './office.js';
import { judge } from './oracle.js';
import { decide } from './people.js';
import { describe, type Findings, failuresOf, versionsOf } from './report.js';
import { open, seedOver, type Tuned, tune } from './tuning.js';
import { agentProcesses, copiesIn, Watch } from './watch.js';
import { SOURCE, type World } from './world.js';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    report: { type: 'string' },
  },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed);
if (!(minutes > 0) || !Number.isInteger(seed)) {
  throw new Error(`--minutes ${values.minutes} --seed ${values.seed}: two numbers are needed`);
}

const OPEN_TASKS = 14;
const CREW = 3;
const DRAIN_MS = 8 * 60_000;
const CLEAN_MS = 90_000;

console.log(`chaos for ${minutes} minutes, seed ${seed}`);
const rig = await openRig({ durable: true });
const dice = diceOf(seed);
const [closing, over] = [new AbortController(), new AbortController()];
const world: World = {
  ...{ rig, sent: new Map(), tally: new Map() },
  mission: await connect({ address: rig.address, namespace: 'default', by: 'person:ann' }),
  repository: await addRepository(rig, { landing: 'merge' }),
  ...{ closing: closing.signal, over: over.signal },
};
const tuned: Tuned = new Map();
await open(world, tuned);
const crew = await Crew.start(rig, CREW);
const watch = new Watch(world);

const looking = [watch.look(), watch.sample(crew), decide(world)];
const working = [
  fileTasks(world, dice.fork('office'), OPEN_TASKS),
  tune(world, dice.fork('tuning'), tuned),
  breakThings(),
];
const telling = setInterval(tell, 60_000);
await Promise.race([sleep(minutes * 60_000, undefined, { signal: over.signal }), ...working]);
closing.abort();
await Promise.all(working);
const findings = await comeToTheEnd();
clearInterval(telling);
const report = describe(world, findings);
console.log(report);
if (values.report) await writeFile(values.report, report);
const failures = failuresOf(findings);
crew.disband();
await rig.close({ keepFiles: failures.length > 0 });
if (failures.length > 0) console.log(`logs and records, to be looked at: ${rig.home}`);
console.log(`${failures.length === 0 ? 'passed' : 'FAILED'}: seed ${seed}`);
process.exit(failures.length === 0 ? 0 : 1);

async function breakThings(): Promise<void> {
  const drawn = dice.fork('faults');
  for (const fault of deckOf(drawn)) {
    await sleep(drawn.between(1000, 6000));
    if (world.closing.aborted) return;
    await watch.time(fault, () => inflict(fault, rig, crew, drawn));
  }
}

/** Nothing is broken, filed or tuned any more: all must end, and leave nothing behind. */
async function comeToTheEnd(): Promise<Findings> {
  const reset = await seedOver(world, tuned); // before anything of it is set anew
  const since = Date.now();
  await open(world, tuned);
  while ((await left()) > 0 && Date.now() - since < DRAIN_MS) await sleep(200);
  const drainSeconds = (Date.now() - since) / 1000;
  const ours = new Set([process.pid, ...[...rig.workers].map(({ pid }) => pid)]);
  const remains = () => [copiesIn(rig.home).length, agentProcesses(rig.home, ours).length] as const;
  const cleanBy = Date.now() + CLEAN_MS;
  while (remains().some((count) => count > 0) && Date.now() < cleanBy) await sleep(500);
  const [copiesLeft, processesLeft] = remains();
  const breaches = await checkInvariants(rig.database);
  const violations = [
    ...reset,
    ...crew.deserters,
    ...breaches.map(({ number, holds, breach }) => `invariant ${number} (${holds}): ${breach}`),
  ];
  const lost = await judge(world);
  over.abort();
  await Promise.all(looking);
  return {
    ...{ seed, minutes, drainSeconds, restarts: crew.restarts, copiesLeft, processesLeft },
    ...{ hits: watch.hits, samples: watch.samples, lost, violations },
    versions: await versionsOf(world),
    ended: await counted(),
    kinds: await kindsEnded(),
  };
}

async function left(): Promise<number> {
  const [row] = await rig.database.sql<{ n: number }[]>`
    select count(*)::integer as n from tasks where ended_at is null`;
  return row?.n ?? 0;
}

async function counted(): Promise<Record<string, number>> {
  const rows = await rig.database.sql<{ status: string; n: number }[]>`
    select status, count(*)::integer as n from tasks where ended_at is not null group by status`;
  return Object.fromEntries(rows.map(({ status, n }) => [status, n]));
}

async function kindsEnded(): Promise<Record<string, number>> {
  const rows = await rig.database.sql<{ key: string }[]>`
    select key from tasks where source = ${SOURCE} and ended_at is not null`;
  const counts: Record<string, number> = {};
  for (const { key } of rows) {
    const kind = world.sent.get(key)?.plan.kind ?? 'unknown';
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

function tell(): void {
  const { hits } = watch;
  console.log(
    `${new Date().toISOString().slice(11, 19)} ${world.sent.size} sent, ${hits.length} hits`,
  );
}
