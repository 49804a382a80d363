import { type NativeConnection, Worker, type WorkflowBundleOption } from '@temporalio/worker';
import { createActivities, type Deps } from '../../activities/index.js';

interface TaskWorkerOptions {
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly workflowBundle: WorkflowBundleOption;
  readonly deps: Deps;
}

/**
 * A workflow that takes longer at once ends the whole worker, and then the next one. On a busy
 * machine a flood of signals takes the 5 seconds of the default, which the typings do not show.
 */
const PATIENT = { isolateExecutionTimeout: '60s' };

/** The worker of one process: all on one queue, so that small activities start eagerly. */
export const createTaskWorker = ({
  connection,
  namespace,
  workflowBundle,
  deps,
}: TaskWorkerOptions) =>
  Worker.create({
    connection,
    namespace,
    ...PATIENT,
    identity: deps.worker,
    taskQueue: deps.taskQueue,
    workflowBundle,
    activities: createActivities(deps),
    // A cancel is heard, and progress shown, at most this late.
    maxHeartbeatThrottleInterval: '5s',
    defaultHeartbeatThrottleInterval: '5s',
    // What a killed worker had cached is answered by another one after this.
    stickyQueueScheduleToStartTimeout: '2s',
    shutdownGraceTime: '3s',
    shutdownForceTime: '20s',
  });
