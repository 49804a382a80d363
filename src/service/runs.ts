import { type RunRecord, readRun } from '../../drizzle/read-runs.js';
import { taskLabel } from '../domain/ids.js';
import { parseRunName, runName } from '../domain/run.js';
import type { ServiceDeps } from './deps.js';
import { ServiceError } from './errors.js';
import { runOf } from './follow.js';
import { show } from './tasks.js';
import type { Standstill } from './waits.js';

/** Everything about one run, and what it waits for. */
export interface RunDetails extends RunRecord {
  /** As in `T-42`. */
  readonly task: string;
  /** As in `review 1`: what it is called within its task. */
  readonly run: string;
  readonly standstill: Standstill | null;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const FORMS = "'T-42 review 1', T-42/R1, T-42/E2, or its id";

/** The run that a person names: `T-42 review 1`, `T-42/R1`, or its uuid. */
export async function showRun(deps: ServiceDeps, name: string): Promise<RunDetails> {
  const id = UUID.test(name.trim()) ? name.trim() : await idOf(deps, name);
  const found = await readRun(deps.database, id);
  if (found === null) throw new ServiceError('not-found', `there is no run ${name}`);
  const isOpen = found.endedAt === null;
  const standstill = isOpen ? (await show(deps, found.taskId)).standstill : null;
  return { ...found, task: taskLabel(found.taskNumber), run: runName(found), standstill };
}

async function idOf(deps: ServiceDeps, name: string): Promise<string> {
  const [, task = '', rest = ''] = /^([^\s/]+)[\s/]+(.+)$/.exec(name.trim()) ?? [];
  const run = parseRunName(rest);
  if (run === null) throw new ServiceError('usage', `"${name}" names no run: expected ${FORMS}`);
  return runOf(await show(deps, task), run).id;
}
