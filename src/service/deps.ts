import type { Database } from '../../drizzle/db.js';
import type { Engine } from '../client/engine.js';
import type { Door } from '../contract.js';
import type { RepositoryDesk } from './desk.js';

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
  /** Loaded when it is first needed, as `engine` is. */
  desk(): Promise<RepositoryDesk>;
}
