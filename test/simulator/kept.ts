import type { Deed } from './deeds.js';

const deed = (what: Deed['what'], two = 0, three = 0): Deed => ({ what, one: 0, two, three });

/** Sequences that a broken rule has failed, shrunk, as the simulator prints them: played again. */
export const KEPT: readonly { readonly why: string; readonly deeds: readonly Deed[] }[] = [
  {
    why: 'a task that is cancelled leaves no slot taken',
    deeds: [deed('file'), deed('drive'), deed('verb', 4_451, 1), deed('drive'), deed('promote')],
  },
  {
    why: 'an attempt that was overtaken by another closes nothing',
    deeds: [
      ...[deed('file'), deed('drive'), deed('drive'), deed('start')],
      ...[deed('repeat'), deed('close'), deed('promote')],
    ],
  },
];
