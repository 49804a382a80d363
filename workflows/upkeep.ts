import { housekeeping } from './proxies.js';

/** Keeps the house: one workflow, one endless activity, started by every worker that finds none. */
export async function upkeep(): Promise<void> {
  await housekeeping.keepUp();
}
