import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

let built = false;

/** `npm test` has built it; whoever runs one file alone gets what he has just written as well. */
export function build(): void {
  if (built) return;
  const script = join(ROOT, 'scripts/build.mjs');
  execFileSync(process.execPath, [script, '--if-needed'], { stdio: 'inherit' });
  built = true;
}
