import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

/**
 * The workflows as one bundle: what all of them share is loaded once, before the first.
 * `index`: their `index.ts`, or what the compiler made of it.
 */
export async function bundleWorkflows(index: URL): Promise<{ code: string }> {
  const workflowsPath = fileURLToPath(index);
  const preload = fileURLToPath(new URL(`preload${extname(workflowsPath)}`, index));
  const logger = new DefaultLogger('WARN'); // webpack's report is noise
  return bundleWorkflowCode({ workflowsPath, preloadModules: [preload], logger });
}
