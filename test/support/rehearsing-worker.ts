import type { RunRequest } from '../../src/agents/backend.js';
import { createBackends } from '../../src/agents/index.js';
import { Bench } from './bench.js';

/** A process that takes one attempt in a bench, to be killed: `base`, `effectsLog`, `request`. */
const [base = '', effectsLog = '', request = ''] = process.argv.slice(2);
const { scripted } = createBackends({ scenarioFolder: null, effectsLog });
const bench = Bench.at(base);
await scripted?.run(
  JSON.parse(request) as RunRequest,
  bench.hooks({
    onCheckpoint: () => {
      process.stdout.write(`${JSON.stringify(bench.checkpoints.at(-1))}\n`);
    },
  }),
);
