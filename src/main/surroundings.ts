import type { Place } from '../cli/ways.js';
import type { Config } from '../config.js';

/** What all commands need to know, found once and only when one asks. */
export interface Surroundings {
  readonly config: Config;
  readonly place: Place;
  /** Why the data folder is not the usual one, when it is not. */
  readonly homeNotice: string | null;
  readonly version: string;
}
