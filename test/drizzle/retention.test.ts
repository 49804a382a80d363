import { afterAll, beforeAll, expect, test } from 'vitest';
import { Stage } from './stage.js';

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open();
});
afterAll(() => stage.close());

/** A task that ended so many days ago, and whose execution told something and kept a checkpoint. */
async function ended(daysAgo: number): Promise<string> {
  const { run, taskId } = await stage.begin();
  const attempt = await stage.start(run);
  const checkpoint = { turn: 1, commit: 'c', transcript: 'all that was said' };
  const events = [{ kind: 'text', text: 'said' }];
  const tokens = { workTokens: 0, cacheReadTokens: 0 };
  await stage.call('save_progress', { run, attempt, checkpoint, events, ...tokens });
  await stage.call('end_task', {
    task: taskId,
    status: 'CANCELLED',
    by: 'person:ann',
    door: 'cli',
    reason: '',
  });
  await stage.sql`update tasks set ended_at = clock_timestamp() - make_interval(days => ${daysAgo})
    where id = ${taskId}::uuid`;
  return run;
}

const kept = async (run: string) => {
  const [row] = await stage.sql<{ events: number; checkpoints: number }[]>`
    select (select count(*)::integer from run_events where run_id = ${run}::uuid) as events,
      (select count(*)::integer from attempts
       where run_id = ${run}::uuid and checkpoint is not null) as checkpoints`;
  return row;
};

const forget = async (): Promise<number> => {
  const [row] = await stage.sql<{ runs: number }[]>`
    select forget_transcripts()::integer as runs`;
  return row?.runs ?? -1;
};

test('transcripts are let go when retention says so, and not before', async () => {
  const [old, young] = [await ended(91), await ended(89)];
  await stage.setPolicy('retention', { transcriptDays: 90 }, false);
  expect(await forget()).toBe(0);
  await stage.setPolicy('retention', { transcriptDays: 90 });
  expect(await forget()).toBe(1);
  expect(await kept(old)).toEqual({ events: 0, checkpoints: 0 });
  expect(await kept(young)).toEqual({ events: 1, checkpoints: 1 });
  expect(await forget()).toBe(0);
});
