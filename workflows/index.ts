import { ApplicationFailure, workflowInfo } from '@temporalio/workflow';
import { TASK_WORKFLOW, UPKEEP_WORKFLOW } from '../src/contract.js';

export { task } from './task.js';
export { upkeep } from './upkeep.js';

/** Unknown types fail at once: without this they would be retried for ever and look `Running`. */
export default async function unknown(): Promise<never> {
  throw ApplicationFailure.nonRetryable(
    `workflow type "${workflowInfo().workflowType}" is not known; known are ` +
      `${TASK_WORKFLOW} (files a task) and ${UPKEEP_WORKFLOW}`,
    'UnknownWorkflowType',
  );
}
