/**
 * What `mission up` does, without the product: holds the stack of the folder that it is given,
 * until SIGTERM. Says `ready` with the addresses, as JSON.
 * Arguments: folder, what the worker's shell runs, and, to be long in preparing, any third.
 */
import { loadConfig } from '../../src/config.js';
import { up } from '../../src/dev/stack.js';

const [home = '', worker = '', prepare] = process.argv.slice(2);
const { searchPath, cacheDir, temporalCli } = loadConfig();
const abort = new AbortController();
let stop = () => abort.abort(new Error('interrupted'));
process.on('SIGTERM', () => stop());

/** Stands for migrations that take long. */
async function untilAborted(): Promise<void> {
  console.log('preparing');
  await new Promise((resolve) => abort.signal.addEventListener('abort', resolve));
}

const stack = await up({
  ...{ home, searchPath, cacheDir, temporalCli, databaseUrl: null, temporal: null },
  namespace: 'default',
  searchAttributes: { TaskStatus: 'Keyword' },
  say: (line) => console.log(line),
  prepare: prepare === undefined ? [] : [untilAborted],
  workers: [{ name: 'worker', program: '/bin/sh', args: ['-c', worker] }],
  drain: async (_addresses, { signal, timeoutMs, say }) => {
    say(`draining for ${timeoutMs} ms`);
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
  },
  onWorkerExit: ({ pid }) => console.log(`worker ${pid} is dead`),
  signal: abort.signal,
});
stop = () => void stack.stop();
console.log(JSON.stringify({ ready: true, adopted: stack.adopted, ...stack.addresses }));
await stack.ended;
