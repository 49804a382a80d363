import { readSuspects, readTaken, readUnknown } from '../../drizzle/read-doors.js';
import type { Inspected } from '../client/inspect.js';
import { taskLabel } from '../domain/ids.js';
import { counted, firstLine } from '../domain/text.js';
import type { ServiceDeps } from './deps.js';
import { type LockedDoor, lockedDoor } from './door.js';

/** More running tasks than these are not compared with the records in one look. */
const MOST = 2_000;
/** So many of what was found are asked one by one. */
const SAMPLE = 20;
/** A workflow has registered its task by then. */
const REGISTERED_MS = 15_000;

interface Found {
  readonly name: string;
  readonly state: Inspected['state'];
  readonly failing: Inspected['failing'];
}

/** Tasks that stand though nothing holds them: their workflow is gone, or a step of it fails. */
export async function standingTasks(deps: ServiceDeps): Promise<LockedDoor[]> {
  const { database } = deps;
  const engine = await deps.engine();
  const [taken, suspects, { running, whole }] = await Promise.all([
    readTaken(database),
    readSuspects(database),
    engine.runningTasks(MOST),
  ]);
  const ids = new Set(running.map(({ workflowId }) => workflowId));
  const unlisted = whole ? taken.filter(({ workflowId }) => !ids.has(workflowId)) : [];
  const old = running.filter(({ ageMs }) => ageMs > REGISTERED_MS);
  const strange = await readUnknown(
    database,
    old.map(({ workflowId }) => workflowId),
  );
  const asked = new Map<string, string>([
    ...[...unlisted, ...suspects]
      .slice(0, SAMPLE)
      .map(({ workflowId, number }) => [workflowId, taskLabel(number)] as const),
    ...strange
      .slice(0, SAMPLE)
      .map((id) => [id, `the workflow ${id}, which has no record`] as const),
  ]);
  const found = await Promise.all(
    [...asked].map(async ([id, name]): Promise<Found> => ({ name, ...(await engine.inspect(id)) })),
  );
  return [...missing(found, unlisted.length), ...failing(found)];
}

function missing(found: readonly Found[], unlisted: number): LockedDoor[] {
  const gone = found.filter(({ state }) => state === 'missing');
  const [first] = gone;
  if (first === undefined) return [];
  const others = unlisted > SAMPLE ? unlisted : gone.length;
  const more = others > 1 ? `, nor have ${counted(others - 1, 'other', 'others')}` : '';
  const sentence = `${first.name} has no workflow in Temporal any more${more}: nothing moves it on`;
  return [lockedDoor('workflow-missing', sentence, 'mission repair')];
}

/** What to do depends on what fails: the sentence has it, and no command could mend it. */
function failing(found: readonly Found[]): LockedDoor[] {
  return found.flatMap(({ name, failing: fails }): LockedDoor[] => {
    if (fails === null) return [];
    const { step, tries, why } = fails;
    const sentence = `${name} stands: its ${step} failed ${tries} times: ${firstLine(why, 300)}`;
    return [lockedDoor('step-fails', sentence, null)];
  });
}
