/**
 * Runs one of the programs of `src/main` from `dist`, which it builds first when it is stale:
 *
 *   node scripts/run.mjs cli up        what `npm start` does
 *
 * The program runs in this very process: a signal sent to it meets no shell or parent in between
 * that could die alone, and no second start of Node has to be waited for.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

function whyNotHere() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (process.platform === 'win32') {
    return 'Windows itself is not supported: use WSL2 (wsl --install), and clone inside it.';
  }
  if (major > 20 || (major === 20 && minor >= 19)) return null;
  return `Node ${process.versions.node} is too old: 20.19 or newer is needed.`;
}

const [program = 'cli', ...rest] = process.argv.slice(2);
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const file = join(root, 'dist', 'src', 'main', `${program}.js`);

async function main() {
  const obstacle = whyNotHere();
  if (obstacle !== null) throw new Error(obstacle);
  if (!existsSync(join(root, 'node_modules'))) throw new Error('Run first: npm ci');
  const { buildIfNeeded } = await import('./build.mjs');
  await buildIfNeeded();
  if (!existsSync(file)) throw new Error(`There is no src/main/${program}.ts to run.`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
// As if it had been started by its own path.
process.argv.splice(1, process.argv.length - 1, file, ...rest);
await import(pathToFileURL(file).href);
