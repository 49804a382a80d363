import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  parseScenario,
  type Scenario,
  ScenarioError,
  scriptFor,
  type TaskScript,
} from './scenario.js';

interface ReadFile {
  readonly stamp: string;
  readonly scenario: Scenario;
}

/**
 * The scenarios of a folder's `*.json` files. Files that changed are read again when a run asks,
 * without a watcher, so a person can mend a scenario while workers run. A file that cannot be read
 * stops every rehearsal that might be meant by it: a silent default would approve unseen.
 */
export class ScenarioFolder {
  private files = new Map<string, ReadFile>();
  private readonly folder: string;

  /** Reads all files at once: a mistake shows when the worker starts, not hours later. */
  constructor(folder: string) {
    this.folder = folder;
    this.refresh();
  }

  /** The script for a task's title: by order of file names, the first match. */
  find(title: string): TaskScript | null {
    this.refresh();
    for (const { scenario } of this.files.values()) {
      const script = scriptFor(title, scenario);
      if (script !== null) return script;
    }
    return null;
  }

  private refresh(): void {
    const now = new Map<string, ReadFile>();
    for (const name of this.names()) {
      const path = join(this.folder, name);
      const { mtimeMs, size } = statSync(path);
      const stamp = `${mtimeMs} ${size}`;
      const known = this.files.get(name);
      if (known?.stamp === stamp) now.set(name, known);
      else now.set(name, { stamp, scenario: parseScenario(path, readFileSync(path, 'utf8')) });
    }
    this.files = now;
  }

  private names(): string[] {
    try {
      return readdirSync(this.folder)
        .filter((name) => name.endsWith('.json'))
        .sort();
    } catch (error) {
      throw new ScenarioError(`${this.folder}: is no folder of scenarios: ${String(error)}`);
    }
  }
}
