import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { deeds } from '../simulator/deeds.js';
import { Model } from '../simulator/model.js';
import { onModel, Real } from './both.js';

let real: Real;
beforeAll(async () => {
  real = await Real.open();
});
afterAll(() => real.close());

test('the model answers, and stands, as the real functions do', async () => {
  let statements = 0;
  await fc.assert(
    fc.asyncProperty(deeds(200), async (sequence) => {
      const told = onModel(sequence, new Model(), real.timeZone);
      statements += told.length;
      const t0 = Date.now();
      expect(await real.differs(told)).toBeNull();
      console.log(told.length, Date.now() - t0);
    }),
    { numRuns: 200, seed: 121, interruptAfterTimeLimit: 25_000 },
  );
  expect(statements).toBeGreaterThan(5_000);
});
