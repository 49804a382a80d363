import type { BackendKind } from '../domain/agent.js';
import type { Variable } from '../domain/program.js';
import type { AgentBackend } from './backend.js';
import { createCommandBackend } from './command/command.js';
import { ScenarioFolder } from './scenario-folder.js';
import { createScriptedBackend } from './scripted.js';

/** What the backends of one worker are made from. */
export interface BackendsConfig {
  /** A folder of scenario files for rehearsals; null when there is none. */
  readonly scenarioFolder: string | null;
  /** See `ScriptedOptions.effectsLog`. */
  readonly effectsLog: string | null;
  /** Looks up what programs are handed of the worker's environment; none: nothing is. */
  readonly variable?: Variable;
}

/**
 * Every backend that this build has; null makes a task for it wait by name (`no-backend`). Throws a
 * `ScenarioError` when a scenario cannot be read.
 */
export function createBackends(config: BackendsConfig): Record<BackendKind, AgentBackend | null> {
  const { scenarioFolder, effectsLog, variable = () => null } = config;
  const scenarios = scenarioFolder === null ? null : new ScenarioFolder(scenarioFolder);
  return {
    scripted: createScriptedBackend({ scenarios, effectsLog }),
    command: createCommandBackend({ variable, now: Date.now }),
    anthropic: null,
  };
}
