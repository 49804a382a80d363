import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type {
  AgentBackend,
  AgentEvent,
  Checkpoint,
  RunHooks,
  RunOutcome,
  RunRequest,
} from '../../src/agents/backend.js';
import { folderEffects } from './effects.js';

/** All that a test may want to be different about an attempt's hooks. */
export interface AttemptOptions {
  readonly signal?: AbortSignal;
  /** Runs inside the checkpoint, after it was kept. */
  readonly onCheckpoint?: (turn: number) => Promise<void> | void;
  readonly onEvent?: (event: AgentEvent) => void;
}

/** One run's working copy and record, as a house without database or Temporal would keep them. */
export class Bench {
  readonly base: string;
  readonly folder: string;
  readonly events: AgentEvent[] = [];
  readonly checkpoints: Checkpoint[] = [];
  /** What was kept while a turn was under way. */
  readonly remembered: unknown[] = [];
  /** What was told, written or kept once the signal had aborted: must stay empty. */
  readonly afterAbort: string[] = [];
  private attempts = 0;

  private constructor(base: string) {
    this.base = base;
    this.folder = join(base, 'copy');
  }

  static async open(): Promise<Bench> {
    const bench = new Bench(await mkdtemp(join(tmpdir(), 'bench-')));
    await mkdir(bench.folder);
    return bench;
  }

  /** A bench that another process opened. */
  static at(base: string): Bench {
    return new Bench(base);
  }

  async close(): Promise<void> {
    await rm(this.base, { recursive: true, force: true });
  }

  /** The next attempt's request; the attempt's number rises, as the database's would. */
  request(differences: Partial<RunRequest> = {}): RunRequest {
    this.attempts += 1;
    return {
      runId: 'run-1',
      attempt: this.attempts,
      kind: 'EXECUTION',
      number: 1,
      cycle: 1,
      agent: { id: 'implementer', name: 'Implementer', model: null },
      task: { number: 1, title: 'A task', description: '', acceptance: [] },
      earlierIssues: [],
      instructions: 'Do it.',
      nonce: 'nonce-1',
      folder: this.folder,
      resume: null,
      answer: null,
      reask: null,
      ...differences,
    };
  }

  /** One attempt, everything it does recorded. */
  async attempt(
    backend: AgentBackend,
    request: RunRequest,
    options: AttemptOptions = {},
  ): Promise<RunOutcome> {
    return await backend.run(request, this.hooks(options));
  }

  /** Puts the working copy back to the last checkpoint, as a new attempt's would be. */
  async restore(): Promise<Checkpoint | null> {
    const last = this.checkpoints.at(-1) ?? null;
    await rm(this.folder, { recursive: true });
    if (last === null) await mkdir(this.folder);
    else await cp(join(this.base, last.commit), this.folder, { recursive: true });
    return last;
  }

  /** A file of the working copy; null when there is none. */
  async read(path: string): Promise<string | null> {
    return await readFile(join(this.folder, path), 'utf8').catch(() => null);
  }

  /** What an attempt is handed; everything that goes through it is recorded. */
  hooks(options: AttemptOptions): RunHooks {
    const signal = options.signal ?? new AbortController().signal;
    const effects = folderEffects(this.folder);
    const watch = (what: string): void => {
      if (signal.aborted) this.afterAbort.push(what);
    };
    return {
      signal,
      onEvent: (event) => {
        watch(`event ${event.kind}`);
        this.events.push(event);
        options.onEvent?.(event);
      },
      checkpoint: async (turn, transcript) => {
        watch(`checkpoint ${turn}`);
        const commit = `snapshot-${this.checkpoints.length + 1}`;
        await cp(this.folder, join(this.base, commit), { recursive: true });
        // Through JSON, as the database would keep it.
        this.checkpoints.push(JSON.parse(JSON.stringify({ turn, commit, transcript })));
        await options.onCheckpoint?.(turn);
        signal.throwIfAborted();
      },
      remember: async (transcript) => {
        watch('remember');
        this.remembered.push(JSON.parse(JSON.stringify(transcript)));
      },
      effects: {
        run: (command, how) => {
          watch(`run ${command}`);
          return effects.run(command, how);
        },
        start: (program, how) => {
          watch(`start ${program.file}`);
          return effects.start(program, how);
        },
        write: (path, content) => {
          watch(`write ${path}`);
          return effects.write(path, content);
        },
        read: (path) => effects.read(path),
        remove: (path) => {
          watch(`remove ${path}`);
          return effects.remove(path);
        },
      },
    };
  }
}
