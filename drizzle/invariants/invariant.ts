import type { PendingQuery, Row } from 'postgres';
import type { Database } from '../db.js';

/** Part of a statement: it runs as a part of the one that asks for all invariants. */
export type Part = PendingQuery<Row[]>;

/** What must hold of the records at any time. */
export type Invariant = {
  /** As numbered in the design. */
  readonly number: number;
  readonly holds: string;
} & (
  | {
      /** A query of one text column, `breach`, that names what is wrong; no row: it holds. */
      readonly breaches: (sql: Database['sql']) => Part;
    }
  | {
      /** No query can show it: the test that keeps it. */
      readonly keptBy: string;
    }
);
