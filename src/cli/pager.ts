import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { print, printable } from './print.js';

/** What `less` does where a person has not said otherwise: short texts need no key to leave. */
const LESS = 'test -n "$LESS" || LESS=FRX; export LESS; ';

/** Shows it in the person's pager, and prints it where that cannot be started. */
export async function page(text: string, pager: string): Promise<void> {
  const child = spawn('sh', ['-c', `${LESS}${pager}`], { stdio: ['pipe', 'inherit', 'inherit'] });
  // Ctrl-C is the pager's, and whoever leaves it early has seen enough.
  const ignore = () => undefined;
  process.on('SIGINT', ignore);
  child.stdin.on('error', ignore);
  child.stdin.end(`${printable(text)}\n`);
  try {
    const [code] = (await once(child, 'close')) as [number | null];
    if (code === 126 || code === 127) print(text);
  } finally {
    process.removeListener('SIGINT', ignore);
  }
}
