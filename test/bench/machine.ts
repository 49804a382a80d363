import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../support/build.js';
import type { Rig } from '../support/rig.js';

/** Where and with what it was measured. */
export type Machine = Readonly<Record<string, string>>;

export async function machine(rig: Rig): Promise<Machine> {
  const [row] = await rig.database.sql<{ version: string }[]>`select version() as version`;
  const version = (name: string) => {
    const file = join(ROOT, 'node_modules', name, 'package.json');
    return String(JSON.parse(readFileSync(file, 'utf8')).version);
  };
  const [first] = cpus();
  return {
    date: new Date().toISOString(),
    cpu: `${cpus().length} × ${first?.model ?? 'unknown'}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    kernel: `${type()} ${release()}`,
    loadBefore: loadavg()
      .map((each) => each.toFixed(2))
      .join(' '),
    node: process.versions.node,
    temporalSdk: version('@temporalio/worker'),
    temporalCli: rig.temporal().version,
    postgres: /PostgreSQL [\d.]+/.exec(row?.version ?? '')?.[0] ?? 'unknown',
  };
}
