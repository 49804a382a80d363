import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AgentBackend, RunRequest } from '../../src/agents/backend.js';
import { createBackends } from '../../src/agents/index.js';
import type { Bench } from '../support/bench.js';

/** The scripted backend over one scenario for the bench's task. */
export async function rehearse(
  bench: Bench,
  runs: { readonly executions?: unknown; readonly reviews?: unknown },
  effectsLog: string | null = null,
): Promise<AgentBackend> {
  const scenarioFolder = join(bench.base, 'scenarios');
  await mkdir(scenarioFolder, { recursive: true });
  const scenario = { name: 'a scenario', tasks: [{ match: { title: 'A task' }, ...runs }] };
  await writeFile(join(scenarioFolder, 'scenario.json'), JSON.stringify(scenario));
  return scriptedOf({ scenarioFolder, effectsLog });
}

/** The scripted backend alone. */
export function scriptedOf(config: Parameters<typeof createBackends>[0]): AgentBackend {
  const { scripted } = createBackends(config);
  if (scripted === null) throw new Error('there is no scripted backend');
  return scripted;
}

/** The bench's task under another title or description. */
export function taskOf(differences: Partial<RunRequest['task']>): RunRequest['task'] {
  return { number: 1, title: 'A task', description: '', acceptance: [], ...differences };
}
