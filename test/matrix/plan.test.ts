import { expect, test } from 'vitest';
import { FAULT_NAMES } from './faults.js';
import { shortMatrix, wholeMatrix } from './plan.js';
import { STEP_NAMES } from './steps.js';
import { MOMENTS } from './trap.js';

test('the short matrix holds every step and every fault, before and after', () => {
  const cells = shortMatrix();
  for (const moment of MOMENTS) {
    const here = cells.filter((cell) => cell.moment === moment);
    expect(here.map(({ step }) => step)).toEqual(STEP_NAMES);
    expect(new Set(here.map(({ fault }) => fault))).toEqual(new Set(FAULT_NAMES));
  }
  expect(wholeMatrix()).toEqual(expect.arrayContaining(cells));
});

test('the whole matrix holds each cell once', () => {
  const cells = wholeMatrix().map((cell) => JSON.stringify(cell));
  expect(new Set(cells).size).toBe(STEP_NAMES.length * MOMENTS.length * FAULT_NAMES.length);
  expect(cells).toHaveLength(140);
});
