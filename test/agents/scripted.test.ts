import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AgentBackend } from '../../src/agents/backend.js';
import { createBackends } from '../../src/agents/index.js';
import type { Bench } from '../support/bench.js';
import { describeBackend, type Situation } from './conformance.js';

describeBackend('scripted', async (situation, bench) => await scriptedFor(situation, bench));

async function scriptedFor(situation: Situation, bench: Bench): Promise<AgentBackend> {
  const scenarioFolder = join(bench.base, 'scenarios');
  await mkdir(scenarioFolder);
  const script = scriptOf(situation);
  const runs = situation.kind === 'REVIEW' ? { reviews: [script] } : { executions: [script] };
  const tasks = [{ match: { title: 'A task' }, ...runs }];
  const scenario = JSON.stringify({ name: 'conformance', tasks });
  await writeFile(join(scenarioFolder, 'conformance.json'), scenario);
  const { scripted } = createBackends({ scenarioFolder, effectsLog: null });
  if (scripted === null) throw new Error('there is no scripted backend');
  return scripted;
}

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
