import { Context } from '@temporalio/activity';
import type { Database } from '../drizzle/db.js';
import { checkInvariants, INVARIANTS } from '../drizzle/invariants.js';

const EVERY_MS = 60_000;
/** However large the records are, looking takes no more than this part of the time. */
const SHARE = 1 / 20;
const SAID = 10;

/** Tells by a gauge, and by a warning, which invariants of the records are broken. */
export class InvariantWatch {
  private nextAt = 0;

  /** At most once a minute, in one statement. */
  async look(database: Database): Promise<void> {
    const began = Date.now();
    if (began < this.nextAt) return;
    this.nextAt = began + EVERY_MS;
    const found = await checkInvariants(database);
    const ended = Date.now();
    this.nextAt = Math.max(this.nextAt, ended + (ended - began) / SHARE);
    show(found);
    for (const { number, holds, breach } of found.slice(0, SAID)) {
      Context.current().log.warn(`invariant ${number} is broken (${holds}): ${breach}`);
    }
  }

  /** Another worker looks from now on: what this one saw last must not stand beside it. */
  leave(): void {
    show([]);
  }
}

function show(found: Awaited<ReturnType<typeof checkInvariants>>): void {
  const help = 'Rows of the records that break an invariant, as named by mission doctor';
  const { metricMeter } = Context.current();
  const gauge = metricMeter.createGauge('mission_invariant_breaches', 'int', 'rows', help);
  for (const invariant of INVARIANTS) {
    if (!('breaches' in invariant)) continue;
    const { number } = invariant;
    const rows = found.filter((breach) => breach.number === number).length;
    gauge.set(rows, { invariant: String(number) });
  }
}
