/** Counts in a file under the lock, as one of several processes. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withLock } from '../../src/workspace/lock.js';

const [folder = '', times = '0'] = process.argv.slice(2);
const path = join(folder, 'count');
for (let i = 0; i < Number(times); i++) {
  await withLock(join(folder, 'a.lock'), {}, async () => {
    const count = Number(readFileSync(path, 'utf8'));
    await new Promise((resolve) => setTimeout(resolve, 1));
    writeFileSync(path, String(count + 1));
  });
}
