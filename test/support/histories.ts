import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { WorkflowHandle } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';

const FOLDER = new URL('../histories/', import.meta.url);

/** Names of whoever recorded it, which no replay looks at. */
const PRIVATE = new Set(['identity', 'stickyAttributes', 'requestId', 'stackTrace']);

/** A history as it is stored: JSON, without the names of the machine that made it. */
export async function historyOf(handle: WorkflowHandle): Promise<StoredHistory> {
  return JSON.parse(historyToJSON(await handle.fetchHistory()), (key, value) => {
    if (PRIVATE.has(key)) return undefined;
    return value?.kind === 'TASK_QUEUE_KIND_STICKY' ? { ...value, name: 'sticky' } : value;
  });
}

export interface StoredHistory {
  readonly events: readonly StoredEvent[];
}

interface StoredEvent {
  readonly eventType: string;
  readonly [attributes: string]: unknown;
}

export const storedHistories = (): string[] =>
  readdirSync(FOLDER).filter((name) => name.endsWith('.json'));

export const readHistory = (name: string): StoredHistory =>
  JSON.parse(readFileSync(fileURLToPath(new URL(name, FOLDER)), 'utf8'));

export const writeHistory = (name: string, history: StoredHistory): void =>
  writeFileSync(fileURLToPath(new URL(name, FOLDER)), `${JSON.stringify(history, null, 1)}\n`);
