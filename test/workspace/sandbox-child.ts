/** A worker as far as the sandbox goes: does what is asked by lines of JSON until it is ended. */
import { createInterface } from 'node:readline';
import { createWorkspaces } from '../../src/workspace/index.js';
import type { ChildRequest } from './sandbox-rig.js';

const [settings = '{}', user] = process.argv.slice(2);
if (user !== undefined) {
  // Only now: the sources may lie where that user cannot read them.
  process.setgroups?.([]);
  process.setgid?.(Number(user));
  process.setuid?.(Number(user));
}
const workspaces = createWorkspaces(JSON.parse(settings));
const aborts = new Map<number, AbortController>();

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line) as ChildRequest;
  if (request.verb === 'abort') aborts.get(request.id)?.abort();
  else void perform(request).then((value) => tell({ id: request.id, value }), complain(request.id));
}

async function perform(request: Exclude<ChildRequest, { verb: 'abort' }>): Promise<unknown> {
  const { id, verb } = request;
  const abort = new AbortController();
  aborts.set(id, abort);
  const finishedBy = verb === 'start' ? request.finishedBy : undefined;
  switch (verb) {
    case 'state':
      return await workspaces.sandbox();
    case 'snapshot':
      return await workspaces.snapshot(request.copy, 'Work\n');
    case 'run':
      return await workspaces.run({ ...request.command, signal: abort.signal });
    case 'start':
      return await workspaces.start({
        ...request.program,
        signal: abort.signal,
        ...(finishedBy === undefined ? {} : { hasFinished: (line) => line === finishedBy }),
        onLine: (line, stream) => tell({ id, line, stream }),
      });
    default:
      return request satisfies never;
  }
}

function complain(id: number) {
  return (error: unknown) => tell({ id, error: String(error) });
}

function tell(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
