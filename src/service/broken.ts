import { type Breach, INVARIANTS } from '../../drizzle/invariants.js';
import { counted } from '../domain/text.js';
import { type LockedDoor, lockedDoor } from './door.js';

/** One door an invariant, with the first that breaks it. */
export function brokenInvariants(breaches: readonly Breach[]): LockedDoor[] {
  const numbers = [...new Set(breaches.map(({ number }) => number))];
  return numbers.flatMap((number): LockedDoor[] => {
    const rows = breaches.filter((each) => each.number === number);
    const [first] = rows;
    if (first === undefined) return [];
    const more = rows.length > 1 ? `, and ${counted(rows.length - 1, 'other', 'others')}` : '';
    const sentence = `invariant ${number} (${first.holds}) is broken: ${first.breach}${more}`;
    const task = /^T-\d+/.exec(first.breach)?.[0];
    return [lockedDoor('invariant-broken', sentence, task ? `mission task show ${task}` : null)];
  });
}

/** Where none is broken: how many of them the records were asked, and what keeps the others. */
export function soundInvariants(): string {
  const kept = INVARIANTS.flatMap((each) => ('keptBy' in each ? [each] : []));
  const asked = INVARIANTS.length - kept.length;
  const others = kept.map(({ number, keptBy }) => `; ${number} is kept by ${keptBy}`).join('');
  return `${asked} of ${INVARIANTS.length} asked, and they hold${others}`;
}
