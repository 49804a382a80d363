/**
 * `npm run bench`: a bare Temporal loop and the product, side by side, on a stack of their own.
 *
 *   npm run bench                    the whole of it, within ten minutes
 *   npm run bench -- --quick         whether it works: its figures mean nothing
 *   npm run bench -- --json FILE     writes the raw figures there
 *   npm run bench -- --write         writes them, and the table, into docs/proof
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from '../support/build.js';
import { openRig, type Rig } from '../support/rig.js';
import { added, lone, type Sides, throughput } from './compare.js';
import { footprint } from './footprint.js';
import { machine } from './machine.js';
import { FULL, type Plan, QUICK } from './plan.js';
import { type Figures, lines, table } from './report.js';
import { resume } from './resume.js';
import { fillToday } from './rows.js';
import { openSides } from './sides.js';
import { drive } from './speed.js';
import { starts } from './starts.js';
import { waiting } from './waiting.js';

const { values: asked } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    json: { type: 'string' },
  },
});
const TABLE = /(<!-- table -->\n)[\s\S]*(\n<!-- end of the table -->)/;
const plan = asked.quick ? QUICK : FULL;
const since = Date.now();
const figures = await measure(plan);
const shown = table(lines(figures));
console.log(shown);
const raw = `${JSON.stringify(figures, null, 2)}\n`;
if (asked.json !== undefined) writeFileSync(asked.json, raw);
if (asked.write) write(raw, shown);

async function measure(plan: Plan): Promise<Figures> {
  say('how fast the command line starts');
  const started = await starts(plan.starts);
  const rig = await openRig({ durable: true });
  const leave = () => void rig.close().finally(() => process.exit(130));
  process.once('SIGINT', leave).once('SIGTERM', leave);
  let sides: Sides | null = null;
  try {
    sides = await openSides(rig);
    const command = `npm run bench -- ${process.argv.slice(2).join(' ')}`.trim();
    const about = { command, plan, machine: await machine(rig) };
    return { ...about, ...(await measureOn(rig, sides, plan)), starts: started };
  } finally {
    await sides?.bare.stop('SIGKILL');
    await rig.close();
    process.off('SIGINT', leave).off('SIGTERM', leave);
  }
}

/** In this order: kills keep upkeep busy for a while, and whoever waits would be in the way. */
async function measureOn(rig: Rig, sides: Sides, plan: Plan) {
  const { bare, product } = sides;
  say('warming up');
  const work = { agentMs: 0, files: false } as const;
  const warm = { tasks: plan.tasks / 3, inFlight: 10, work, untilCleaned: plan.untilCleaned };
  for (const side of [bare, product]) await drive(rig, side, warm);
  say(`${plan.inFlight} in flight`);
  const many = await throughput(rig, sides, plan);
  say('one at a time');
  const single = await lone(rig, sides, plan.lone);
  say('ten in flight, agents of 200 ms');
  const slow = await added(rig, sides, plan);
  say('with files');
  const filed = { ...plan, rounds: 1, tasks: plan.withFiles };
  const withFiles = await throughput(rig, sides, filed, { agentMs: 0, files: true });
  say('events, bytes and statements');
  const counts = await footprint(rig, sides, plan);
  say(`${plan.rows} runs of today`);
  await fillToday(rig, plan.rows);
  const rows = { ...(await throughput(rig, sides, plan)), count: plan.rows };
  say('kill -9');
  const resumed = await resume(rig, product, plan.kills);
  say('tasks that wait');
  const idle = await waiting(rig, product, plan);
  return {
    ...{ throughput: many, lone: single, added: slow, withFiles, footprint: counts, rows },
    ...{ resume: resumed, waiting: idle },
  };
}

function say(what: string): void {
  console.error(`${((Date.now() - since) / 1000).toFixed(0).padStart(4)} s  ${what}`);
}

/** The raw figures, and the table between its marks: the words around it are a person's. */
function write(raw: string, shown: string): void {
  const at = (name: string) => join(ROOT, 'docs', 'proof', name);
  writeFileSync(at('bench.json'), raw);
  const page = readFileSync(at('bench.md'), 'utf8');
  writeFileSync(at('bench.md'), page.replace(TABLE, `$1\n${shown}\n$2`));
}
