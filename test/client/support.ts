import { Connection } from '@temporalio/client';
import { type ConnectOptions, connect, type MissionControl } from '../../src/client/index.js';
import type { House } from '../support/house.js';
import { temporal } from '../support/services.js';

/** The SDK against a house: its server, namespace and queue. */
export const connectTo = (
  house: Pick<House, 'taskQueue'>,
  differences: Partial<ConnectOptions> = {},
): Promise<MissionControl> =>
  connect({ ...temporal(), taskQueue: house.taskQueue, by: 'person:ann', ...differences });

/** A connection that the caller closes. */
export const openConnection = (): Promise<Connection> =>
  Connection.connect({ address: temporal().address });

/** What a scripted agent is to do, as a description of a task. */
export const scenario = (body: object): string =>
  `Do it.\n\n\`\`\`scenario\n${JSON.stringify(body)}\n\`\`\`\n`;
