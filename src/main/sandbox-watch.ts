import type { Database } from '../../drizzle/db.js';
import { noteSandbox } from '../../drizzle/sandboxes.js';
import { print } from '../cli/print.js';
import type { Workspaces } from '../workspace/index.js';

/** What a person has mended is seen this late. */
const LOOK_AGAIN_MS = 60_000;

interface Watched {
  readonly database: Database;
  readonly workspaces: Pick<Workspaces, 'sandbox'>;
  readonly worker: string;
}

/** Tells at once what this worker's programs of agents run in; a refusal is tried again. */
export async function tellSandbox(
  { database, workspaces, worker }: Watched,
  signal: AbortSignal,
): Promise<void> {
  const found = await workspaces.sandbox();
  await noteSandbox(database, { worker, ...found });
  if (found.level !== null) return;
  print(`no program of an agent is started here: ${found.why}; ${found.fix}`);
  const timer = setInterval(() => {
    void workspaces
      .sandbox()
      .then(async (now) => {
        if (now.level === null) return;
        await noteSandbox(database, { worker, ...now });
        clearInterval(timer);
      })
      .catch(() => undefined); // the next look tells it
  }, LOOK_AGAIN_MS);
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
}
