import type { Sample } from './watch.js';

export type Figure = (sample: Sample) => number;

/** A straight line through a figure over the second half of a run, when all has warmed up. */
export interface Trend {
  readonly from: number;
  readonly to: number;
}

/** So many samples must lie on the line, or it says nothing. */
const ENOUGH = 20;

/**
 * The median of the slopes between any two samples: a peak, or the moment after a restart, moves it
 * no more than any other sample does. null: too few samples.
 */
export function trendOf(samples: readonly Sample[], figure: Figure): Trend | null {
  const last = samples.at(-1)?.minute ?? 0;
  const points = samples
    .filter(({ minute }) => minute >= last / 2)
    .map((sample) => ({ minute: sample.minute, value: figure(sample) }));
  if (points.length < ENOUGH) return null;
  const slopes = points.flatMap((one, index) =>
    points.slice(index + 1).flatMap(({ minute, value }) => {
      const minutes = minute - one.minute;
      return minutes > 0 ? [(value - one.value) / minutes] : [];
    }),
  );
  const slope = median(slopes);
  const level = median(points.map(({ minute, value }) => value - slope * minute));
  return { from: level + (slope * last) / 2, to: level + slope * last };
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

interface Bound {
  readonly what: string;
  readonly figure: Figure;
  /** How much more it may be at the end than at half time. */
  readonly most: { readonly share: number } | { readonly more: number };
}

/**
 * The worker lives through the whole run. Servers are killed again and again, and what each next
 * one holds depends on what is stored by then: so they have more room.
 */
export const BOUNDS: readonly Bound[] = [
  { what: 'memory of the worker', figure: ({ worker }) => worker.memory, most: { share: 0.1 } },
  { what: 'handles of the worker', figure: ({ worker }) => worker.handles, most: { more: 4 } },
  { what: 'memory of Temporal', figure: ({ temporal }) => temporal.memory, most: { share: 0.2 } },
  { what: 'handles of Temporal', figure: ({ temporal }) => temporal.handles, most: { more: 6 } },
  { what: 'memory of Postgres', figure: ({ postgres }) => postgres.memory, most: { share: 0.2 } },
  { what: 'processes of Postgres', figure: ({ postgres }) => postgres.handles, most: { more: 4 } },
];

/** What has grown by more than it may, or was not looked at often enough to tell. */
export function growthIn(samples: readonly Sample[]): string[] {
  return BOUNDS.flatMap(({ what, figure, most }) => {
    const trend = trendOf(samples, figure);
    if (trend === null) return [`${what} was sampled too seldom to tell whether it grew`];
    const { from, to } = trend;
    const bound = 'share' in most ? from * (1 + most.share) : from + most.more;
    return to > bound ? [`${what} grew from ${Math.round(from)} to ${Math.round(to)}`] : [];
  });
}
