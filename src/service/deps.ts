import type { Database } from '../../drizzle/db.js';
import type { Engine } from '../client/engine.js';
import type { Door } from '../contract.js';

/** What a person's repository turns out to be, before it is registered. */
export interface Probed {
  readonly location: string;
  readonly defaultBranch: string;
}

/** All that the verbs stand on. */
export interface ServiceDeps {
  readonly database: Database;
  /** Whether it is a server of the person's own, which nothing here can start. */
  readonly ownDatabase?: boolean;
  /** Loaded when it is first needed: half of the commands read the records alone. */
  engine(): Promise<Engine>;
  /** Who acts, as in `person:ann`, and through which door. */
  readonly principal: string;
  readonly door: Door;
  readonly taskQueue: string;
  /** Looks at a repository; throws a sentence that says what is wrong with it. */
  probe(location: string, branch?: string): Promise<Probed>;
}
