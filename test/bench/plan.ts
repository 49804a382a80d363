/** How much is measured: the short form says whether it works, never how fast it is. */
export interface Plan {
  readonly name: 'full' | 'quick';
  /** Rounds of each side, in turn, and the tasks of each. */
  readonly rounds: number;
  readonly tasks: number;
  readonly inFlight: number;
  readonly lone: number;
  readonly delayed: number;
  readonly counted: number;
  readonly withFiles: number;
  readonly kills: number;
  readonly waiting: readonly number[];
  readonly idleSeconds: number;
  /** Whether a round lasts until upkeep has removed what its tasks left: that costs as well. */
  readonly untilCleaned: boolean;
  /** Runs of today that are in the database already. */
  readonly rows: number;
  readonly starts: number;
}

export const FULL: Plan = {
  name: 'full',
  rounds: 3,
  tasks: 180,
  inFlight: 50,
  lone: 40,
  delayed: 60,
  counted: 90,
  withFiles: 45,
  kills: 5,
  waiting: [1000, 5000],
  idleSeconds: 30,
  untilCleaned: true,
  rows: 100_000,
  starts: 11,
};

export const QUICK: Plan = {
  name: 'quick',
  rounds: 1,
  tasks: 12,
  inFlight: 6,
  lone: 2,
  delayed: 3,
  counted: 6,
  withFiles: 3,
  kills: 1,
  waiting: [20],
  idleSeconds: 1,
  untilCleaned: false,
  rows: 500,
  starts: 1,
};
