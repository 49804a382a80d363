import { call } from '../../drizzle/db.js';
import type { Wake } from '../../drizzle/steps.js';
import { runPromoted } from '../../src/contract.js';
import type { House } from './house.js';

const by = { by: 'person:ann', door: 'cli', why: 'a test' };

/** Sets a policy as a door does, and wakes whom it releases; `silent`: the wake-up is lost. */
export async function setPolicy(
  house: House,
  name: string,
  change: { readonly value?: object; readonly enabled?: boolean },
  { silent = false } = {},
): Promise<void> {
  const { wake } = await call<{ wake: Wake[] }>(house.database, 'set_policy', {
    name,
    ...change,
    ...by,
  });
  if (!silent) await wakeAll(house, wake);
}

export async function setSquadPaused(house: House, paused: boolean): Promise<void> {
  const given = { paused, ...by };
  const { wake } = await call<{ wake: Wake[] }>(house.database, 'set_squad_paused', given);
  await wakeAll(house, wake);
}

const wakeAll = (house: House, wake: readonly Wake[]) =>
  Promise.all(
    wake.map(({ run, workflowId }) =>
      house.client.workflow.getHandle(workflowId).signal(runPromoted, { run }),
    ),
  );
