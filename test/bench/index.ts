/** `npm run bench`: a bare Temporal loop and the product, side by side, on a stack of their own. */
import { openRig } from '../support/rig.js';
import { openSides } from './sides.js';
import { drive, quantile } from './speed.js';

const rig = await openRig({ durable: true });
try {
  const sides = await openSides(rig);
  const both = [sides.bare, sides.product];
  const work = { agentMs: 0, files: false } as const;
  for (const side of both) await drive(rig, side, { tasks: 20, inFlight: 10, work });
  for (let round = 0; round < 2; round++) {
    for (const side of both) {
      const one = await drive(rig, side, { tasks: 90, inFlight: 50, work });
      console.log(side.name, (one.tasks / one.seconds).toFixed(1), 'tasks/s', one.cpu);
    }
  }
  const lone = { ...work, cycles: 1 } as const;
  for (const side of both) {
    const one = await drive(rig, side, { tasks: 30, inFlight: 1, work: lone });
    console.log(side.name, quantile(one.milliseconds, 0.5), quantile(one.milliseconds, 0.95));
  }
} finally {
  await rig.close();
}
