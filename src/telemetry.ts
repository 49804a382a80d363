import type { RuntimeOptions } from '@temporalio/worker';

/**
 * How a worker tells what it measures: its SDK's figures and the house's own, by Prometheus.
 * @param address IP and port to answer on; null: it tells nothing
 */
export const telemetryOf = (address: string | null): Pick<RuntimeOptions, 'telemetryOptions'> =>
  address === null
    ? {}
    : { telemetryOptions: { metrics: { prometheus: { bindAddress: address } } } };
