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

/** An event a line: small, and what changes in it can be read. */
export function writeHistory(name: string, { events }: StoredHistory): void {
  const lines = events.map((event) => JSON.stringify(event)).join(',\n');
  writeFileSync(fileURLToPath(new URL(name, FOLDER)), `{"events":[\n${lines}\n]}\n`);
}

// ── What a history carries, which no replay compares ────────────────────────────────

interface Payload {
  readonly data: string;
}
interface Payloads {
  readonly payloads?: readonly Payload[];
}

const decode = ({ data }: Payload): unknown =>
  JSON.parse(Buffer.from(data, 'base64').toString('utf8'));
const all = (carried: Payloads | undefined): unknown[] => (carried?.payloads ?? []).map(decode);

/** Everything a history carries: `[what, value]`. */
export function carriedBy({ events }: StoredHistory): [string, unknown][] {
  const names = new Map<string, string>();
  return events.flatMap((event): [string, unknown][] => {
    const key = Object.keys(event).find((each) => each.endsWith('EventAttributes')) ?? '';
    const attributes = event[key] as Record<string, never>;
    switch (event.eventType) {
      case 'EVENT_TYPE_ACTIVITY_TASK_SCHEDULED': {
        const { name } = attributes.activityType ?? { name: '' };
        names.set(String(event.eventId), name);
        return [[`input of ${name}`, all(attributes.input)]];
      }
      case 'EVENT_TYPE_ACTIVITY_TASK_COMPLETED': {
        const name = names.get(String(attributes.scheduledEventId));
        return [[`result of ${name}`, all(attributes.result)[0]]];
      }
      case 'EVENT_TYPE_MARKER_RECORDED': {
        const details: Record<string, Payloads> = attributes.details ?? {};
        const about = all(details.data)[0] as { activity_type: string };
        if (details.result === undefined) return []; // it failed
        return [[`result of ${about.activity_type}`, all(details.result)[0]]];
      }
      case 'EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED':
        return [[`input of signal ${attributes.signalName}`, all(attributes.input)]];
      case 'EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED': {
        const { input }: { input: { name: string; args: Payloads } } =
          attributes.acceptedRequest ?? { input: { name: '', args: {} } };
        return [[`input of update ${input.name}`, all(input.args)]];
      }
      case 'EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED': {
        const { success }: { success?: Payloads } = attributes.outcome ?? {};
        return success === undefined ? [] : [['result of update', all(success)[0]]];
      }
      case 'EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED':
        return [['result of the task', all(attributes.result)[0]]];
      default:
        return [];
    }
  });
}
