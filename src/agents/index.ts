import type { BackendKind } from '../domain/agent.js';
import type { AgentBackend } from './backend.js';
import { ScenarioFolder } from './scenario-folder.js';
import { createScriptedBackend } from './scripted.js';

/** What the backends of one worker are made from. */
export interface BackendsConfig {
  /** A folder of scenario files for rehearsals; null when there is none. */
  readonly scenarioFolder: string | null;
  /** See `ScriptedOptions.effectsLog`. */
  readonly effectsLog: string | null;
}

/**
 * Every backend that this build has; null makes a task for it wait by name (`no-backend`). Throws a
 * `ScenarioError` when a scenario cannot be read.
 */
export function createBackends(config: BackendsConfig): Record<BackendKind, AgentBackend | null> {
  const { scenarioFolder, effectsLog } = config;
  const scenarios = scenarioFolder === null ? null : new ScenarioFolder(scenarioFolder);
  return {
    scripted: createScriptedBackend({ scenarios, effectsLog }),
    command: null,
    anthropic: null,
  };
}
