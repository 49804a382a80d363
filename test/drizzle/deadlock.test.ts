/** Two who take the same locks take them in the same order; large texts hold the door open. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { course, Stage, SUCCEEDED } from './stage.js';

const LARGE = 400_000;
const PAIRS = 12;
let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open(2 * PAIRS);
  const most = { maxConcurrentPerAgent: 1e4, maxDailyPerAgent: 1e4, maxDailyTokens: 1e11 };
  await stage.setPolicy('execution-limits', most);
});
afterAll(() => stage.close());

const running = async () => {
  const { taskId, run } = await stage.begin({});
  return { taskId, run, attempt: await stage.start(run) };
};

test('closes that store the same texts, each in its own order', async () => {
  const pairs = await Promise.all(
    Array.from({ length: PAIRS }, async (_, index) => {
      const [left, right] = [`l${index}`.repeat(LARGE / 3), `r${index}`.repeat(LARGE / 3)];
      const one = { ...(await running()), texts: { report: left, diff: right } };
      const other = { ...(await running()), texts: { report: right, diff: left } };
      return [one, other];
    }),
  );
  const closes = pairs.flat().map(({ run, attempt, texts }) =>
    stage.closeRun(run, attempt, {
      ...SUCCEEDED,
      ...texts,
      course: course({ status: 'REVIEW' }),
    }),
  );
  for (const { end } of await Promise.all(closes)) {
    expect(end).toMatchObject({ outcome: 'succeeded' });
  }
});

test('an end in the middle of progress', async () => {
  const checkpoint = { turn: 1, commit: 'c0ffee', transcript: 'x'.repeat(LARGE) };
  const progressing = async ({ taskId, run, attempt }: Awaited<ReturnType<typeof running>>) => {
    const given = { run, attempt, checkpoint, events: [], workTokens: 0, cacheReadTokens: 0 };
    const end = { task: taskId, status: 'CANCELLED', by: 'person:ann', door: 'cli', reason: '' };
    expect(await stage.call('save_progress', given)).toBe('go');
    const ended = stage.call('end_task', end);
    for (let answer = 'go'; answer === 'go'; ) answer = await stage.call('save_progress', given);
    await ended;
  };
  for (let round = 0; round < 4; round++) {
    const runs = await Promise.all(Array.from({ length: PAIRS }, running));
    await Promise.all(runs.map(progressing));
  }
});
