import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What one task of the benchmark asks of its agents. */
export interface Work {
  /** An execution and its review each; the last one is accepted. */
  readonly cycles: 1 | 2;
  /** How long each agent takes. */
  readonly agentMs: 0 | 200;
  /** Executions write their text into a file as well: git's work, which a bare loop has not. */
  readonly files: boolean;
}

/** What every run of every task hands over, in bytes. */
const TEXT_BYTES = 20_000;

/** Every third task is revised once, so a task has 2.67 runs. */
export const mixed = (index: number, rest: Omit<Work, 'cycles'>): Work => ({
  ...rest,
  cycles: index % 3 === 2 ? 2 : 1,
});

export const runsOf = ({ cycles }: Work): number => cycles * 2;

/** 20 KB that begin with who wrote them, since equal texts would be stored once. */
export function text(author: string): string {
  const lines = [author];
  for (let bytes = author.length + 1, line = 0; bytes < TEXT_BYTES; line++) {
    const words = `${line} ${author}: ${(line * 2_654_435_761) % 4_294_967_296} was looked at`;
    lines.push(words);
    bytes += words.length + 1;
  }
  return lines.join('\n').slice(0, TEXT_BYTES);
}

/** By this title the scripted agents know what is asked of them. */
export const titleOf = (work: Work, index: number): string => `${patternOf(work)} ${index}`;

const patternOf = ({ cycles, agentMs, files }: Work): string =>
  `${cycles === 1 ? 'accepted' : 'revised'} after ${agentMs} ms${files ? ', a file' : ''}, task`;

/** Writes the scenarios of all kinds of work into a folder, for the product's worker. */
export async function writeScenarios(home: string): Promise<string> {
  const folder = join(home, 'scenarios');
  await mkdir(folder);
  const tasks = ([1, 2] as const).flatMap((cycles) =>
    ([0, 200] as const).flatMap((agentMs) =>
      [true, false].map((files) => scriptOf({ cycles, agentMs, files })),
    ),
  );
  await writeFile(join(folder, 'bench.json'), JSON.stringify({ name: 'bench', tasks }));
  return folder;
}

function scriptOf(work: Work) {
  const { cycles, agentMs, files } = work;
  const numbers = Array.from({ length: cycles }, (_, index) => index + 1);
  const turn = agentMs === 0 ? [] : [{ delayMs: agentMs }];
  return {
    match: { titlePattern: `^${patternOf(work)} ` },
    executions: numbers.map((number) => {
      const report = text(`Execution ${number} of T-{{task}}`);
      return {
        report,
        turns: files ? [{ delayMs: agentMs, files: { 'work.txt': report } }] : turn,
      };
    }),
    reviews: numbers.map((number) => ({
      report: text(`Review ${number} of T-{{task}}`),
      turns: turn,
      verdict:
        number === cycles
          ? { verdict: 'APPROVED', summary: 'Good' }
          : {
              verdict: 'REVISION',
              summary: 'Not yet',
              issues: [{ severity: 'blocking', text: 'It lacks a second look' }],
            },
    })),
  };
}
