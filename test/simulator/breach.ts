import type { TaskStatus } from '../../src/domain/task.js';
import type { Run } from './world.js';

/** What does not hold, by the number it has in the design. */
export interface Breach {
  readonly number: number;
  readonly what: string;
}
export type Say = (number: number, what: string) => void;

type Kept = Pick<Run, 'state' | 'place' | 'number' | 'charged' | 'tokens'>;

/** What stood before the statement: whatever must not change is compared with it. */
export interface Before {
  readonly status: Map<string, TaskStatus>;
  readonly runs: Map<string, Kept>;
  readonly decisions: Map<string, string>;
  /** How many cycles a review may send back, as it was when it began. */
  readonly bounds: Map<string, number>;
  configuration: readonly unknown[];
  audited: number;
}
