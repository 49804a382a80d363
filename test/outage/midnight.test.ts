import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEFAULT_POLICIES } from '../../src/domain/policy.js';
import { type House, openHouse } from '../support/house.js';
import { setPolicy } from '../support/settings.js';
import { eventually, type Filed, file, type RunRow } from '../support/tasks.js';

const LIMITS = DEFAULT_POLICIES['execution-limits'].value;
const limits = (house: House, change: Partial<typeof LIMITS>, how = {}) =>
  setPolicy(house, 'execution-limits', { value: { ...LIMITS, ...change } }, how);

const DAY_S = 24 * 3600;
const pad = (count: number) => String(count).padStart(2, '0');

/** A zone, as POSIX writes one, in which at this instant so many seconds of its day are left. */
function zoneWith(leftS: number, at: Date): string {
  const ofDay = (at.getTime() / 1000) % DAY_S;
  const west = Math.round(ofDay - (DAY_S - leftS)); // POSIX counts what is west as positive
  const [sign, size] = west < 0 ? ['-', -west] : ['+', west];
  const parts = [Math.floor(size / 3600), Math.floor(size / 60) % 60, size % 60];
  return `<MID>${sign}${parts.map(pad).join(':')}`;
}

const runOf = async (task: Filed) => {
  const [run] = (await task.runs()) as (RunRow & { admitted_at: string | null })[];
  if (run === undefined) throw new Error('no run');
  return run;
};

const waitOf = async (house: House, task: Filed) => {
  const { id } = await runOf(task);
  const [row] = await house.database.sql<{ reason: string | null; day: string | null }[]>`
    select run_wait(r) ->> 'reason' as reason, day::text as day from runs r where id = ${id}::uuid`;
  return row ?? null;
};

/** Runs over midnight: its turn ends when the test says so. */
const endless = { turns: [{ say: 'working' }], report: 'done', faults: { hangAtTurn: 2 } };
const spending = {
  turns: [{ tokens: { input: 900, output: 100 } }],
  report: 'done',
};

interface Case {
  readonly reason: 'daily-runs' | 'daily-tokens';
  /** What the one that is there before has done, and the limit that holds the others back. */
  readonly first: object;
  readonly limit: Partial<typeof LIMITS>;
  readonly firstEnds: boolean;
  /** How many of the three that wait may go on the new day. */
  readonly released: number;
}

const CASES: readonly Case[] = [
  // A run in flight over midnight stays charged to its day; the new day has room for one.
  {
    reason: 'daily-runs',
    first: endless,
    limit: { maxDailyPerAgent: 1 },
    firstEnds: false,
    released: 1,
  },
  // What was spent yesterday is forgotten; one estimate of 20,000 fits at a time.
  {
    reason: 'daily-tokens',
    first: spending,
    limit: { maxDailyTokens: 20_500 },
    firstEnds: true,
    released: 3,
  },
];

describe('live, over a midnight that is near', () => {
  test.each(CASES)(
    'what waits for $reason goes on after it, once, and what runs stays charged to its day',
    async ({ reason, first, limit, firstEnds, released }) => {
      const house = await openHouse({ upkeep: true });
      try {
        const now = new Date();
        await limits(house, { timeZone: zoneWith(DAY_S / 2, now) });
        const before = await file(house, { executions: [first] });
        if (firstEnds) await before.result();
        else await before.until('IN_PROGRESS');
        const day = (await waitOf(house, before))?.day;
        await limits(house, { ...limit, timeZone: zoneWith(DAY_S / 2, now) });
        const waiting: Filed[] = [];
        for (let n = 0; n < 3; n++) {
          const task = await file(house, {});
          // Registered before the next one: that is its place in line.
          await eventually(async () =>
            expect(await waitOf(house, task)).toEqual({ reason, day: null }),
          );
          waiting.push(task);
        }
        // The same day of the same calendar, a few seconds before its end; nobody is woken by it.
        const left = 3 + (Date.now() - now.getTime()) / 1000;
        const midnight = now.getTime() + left * 1000;
        const timeZone = zoneWith(left, now);
        await limits(house, { ...limit, timeZone }, { silent: true });

        const gone = async () => {
          const ends = await Promise.all(waiting.map((task) => task.record()));
          return ends.filter(({ status }) => status === 'DONE').length;
        };
        await eventually(async () => expect(await gone()).toBe(released), 60_000);
        for (const [index, task] of waiting.entries()) {
          const { reason: why, day: charged } = (await waitOf(house, task)) ?? {};
          if (index >= released) expect({ why, charged }).toEqual({ why: reason, charged: null });
          else expect(charged).not.toBe(day);
          const { attempt, admitted_at: admittedAt } = await runOf(task);
          expect(attempt).toBe(index < released ? 1 : 0);
          if (index < released)
            expect(Date.parse(String(admittedAt))).toBeGreaterThan(midnight - 1_000);
        }
        // In the order in which they were filed, and the first was touched by nothing.
        expect((await waitOf(house, before))?.day).toBe(day);
        if (!firstEnds) expect((await runOf(before)).state).toBe('RUNNING');
        if (!firstEnds) await before.say('cancel');
      } finally {
        await house.close();
      }
    },
    120_000,
  );
});

describe('a day, against the calendar of another program', () => {
  let house: House;
  beforeAll(async () => {
    house = await openHouse();
  });
  afterAll(() => house.close());

  /** Every 15 minutes of five days around a date. */
  function instantsAround(date: string): Date[] {
    const middle = Date.parse(`${date}T12:00:00Z`);
    return Array.from({ length: 5 * 96 }, (_, n) => new Date(middle + (n - 240) * 900_000));
  }

  test.each([
    ['UTC', '2026-03-29', 24],
    ['Europe/Berlin', '2026-03-29', 23],
    ['Europe/Berlin', '2026-10-25', 25],
    ['America/New_York', '2026-03-08', 23],
    ['America/New_York', '2026-11-01', 25],
    ['Asia/Kolkata', '2026-10-25', 24],
    ['Australia/Lord_Howe', '2026-10-04', 23.5],
    ['Australia/Lord_Howe', '2026-04-05', 24.5],
    ['Pacific/Apia', '2011-12-30', 0], // Samoa went over the date line and left this day out
    ['Pacific/Apia', '2011-12-31', 24],
  ])('%s: %s has %d hours', async (timeZone, date, hours) => {
    await limits(house, { timeZone });
    const instants = instantsAround(date);
    const rows = await house.database.sql<{ day: string }[]>`
      select day_of(i::timestamptz)::text as day
      from jsonb_array_elements_text(${JSON.stringify(instants)}::jsonb)
        with ordinality as u (i, n) order by n`;
    const days = rows.map(({ day }) => day);
    const calendar = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short' });
    expect(days).toEqual(instants.map((each) => calendar.format(each)));
    expect(days.filter((day) => day === date).length / 4).toBe(hours);
  });
});
