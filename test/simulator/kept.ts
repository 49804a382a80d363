import type { Deed } from './deeds.js';

/** Sequences that have failed once, shrunk, as the simulator prints them: they are played again. */
export const KEPT: readonly { readonly why: string; readonly deeds: readonly Deed[] }[] = [];
