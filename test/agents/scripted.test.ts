import type { Bench } from '../support/bench.js';
import { describeBackend, type Situation } from './conformance.js';
import { rehearse } from './rehearsals.js';

describeBackend('scripted', async (situation: Situation, bench: Bench) => {
  const script = scriptOf(situation);
  const runs = situation.kind === 'REVIEW' ? { reviews: [script] } : { executions: [script] };
  return await rehearse(bench, runs);
});

function scriptOf({ turns, ends }: Situation): unknown {
  const scripted = turns.map(({ say, write, command, tokens }) => ({
    say,
    files: write === undefined ? {} : { [write.path]: write.content },
    commands: command === undefined ? [] : [command],
    tokens,
  }));
  switch (ends.kind) {
    case 'finishes':
      return { turns: scripted, report: ends.report };
    case 'asks': {
      const ask = { turn: ends.turn, question: ends.question };
      return { turns: scripted, report: 'Answered.', faults: { ask } };
    }
    case 'later': {
      const later = { turn: ends.turn, seconds: ends.seconds };
      return { turns: scripted, report: 'Late.', faults: { later } };
    }
    case 'fails': {
      const fail = { turn: ends.turn, message: ends.message };
      return { turns: scripted, report: 'Never.', faults: { fail } };
    }
    default:
      return ends satisfies never;
  }
}
