import type { Cell } from './cell.js';
import { FAULT_NAMES } from './faults.js';
import { STEP_NAMES } from './steps.js';
import { MOMENTS } from './trap.js';

/** Every step, before and after, under every fault. */
export const wholeMatrix = (): Cell[] =>
  STEP_NAMES.flatMap((step) =>
    MOMENTS.flatMap((moment) => FAULT_NAMES.map((fault) => ({ step, moment, fault }))),
  );

/**
 * Every step before and after, every fault before and after: the faults take turns from step to
 * step, and what happens after a step is another fault than what happened before it.
 */
export const shortMatrix = (): Cell[] =>
  STEP_NAMES.flatMap((step, row) =>
    MOMENTS.flatMap((moment) => {
      const turn = row + (moment === 'before' ? 0 : 2);
      const fault = FAULT_NAMES[turn % FAULT_NAMES.length];
      return fault === undefined ? [] : [{ step, moment, fault }];
    }),
  );
