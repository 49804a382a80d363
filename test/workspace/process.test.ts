import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { type Copy, createWorkspaces } from '../../src/workspace/index.js';
import { AGENT, read, SEARCH_PATH, temporaryFolder, write } from './support.js';

/** A copy as far as commands need it, without git. */
function bench() {
  const home = temporaryFolder();
  const workspaces = createWorkspaces({ home, searchPath: SEARCH_PATH });
  const path = join(home, 'tree');
  const copy: Copy = {
    name: 'copy',
    path,
    home: `${path}.home`,
    ...{ user: `${path}.home`, host: 'here' },
    source: { kind: 'task', taskId: randomUUID() },
    taskId: randomUUID(),
    taskNumber: 1,
    runId: randomUUID(),
    attempt: 3,
    branch: 'mission/T-1-task',
    from: '0'.repeat(40),
    merging: null,
    identity: AGENT,
    openedAt: '2026-01-01T00:00:00.000Z',
  };
  mkdirSync(join(copy.home, 'tmp'), { recursive: true });
  mkdirSync(path);
  const plain = { copy, trusted: true, timeoutMs: 20_000 };
  const sh = (script: string, more: Partial<Parameters<typeof workspaces.run>[0]> = {}) =>
    workspaces.run({ ...plain, file: 'sh', args: ['-c', script], ...more });
  const mark = workspaces.runMark(copy);
  const alive = async () => (await workspaces.listMarked()).filter((one) => one.mark === mark);
  return { workspaces, copy, plain, sh, mark, alive };
}

/** Waits until a file is there, which tells that a child has got so far. */
async function until(check: () => unknown): Promise<void> {
  for (;;) {
    try {
      if (await check()) return;
    } catch {
      // not yet
    }
    await sleep(10);
  }
}

test('both streams, the exit code, the folder, and nothing of our environment', async () => {
  const { sh, copy, plain, workspaces, mark } = bench();
  const result = await sh('pwd; echo out; echo err >&2; exit 7');
  expect(result).toMatchObject({ ending: { kind: 'exited', exitCode: 7 }, cutBytes: 0 });
  expect(result.output.split('\n').sort()).toEqual(['', copy.path, 'err', 'out'].sort());
  const env = await workspaces.run({
    ...plain,
    file: 'env',
    args: [],
    environment: { EXTRA: '1', PATH: '/evil', HOME: '/evil' },
  });
  const names = env.output
    .trim()
    .split('\n')
    .map((line) => line.split('=')[0]);
  const allowed = ['EXTRA', 'HOME', 'LANG', 'MISSION_COMMAND_MARK', 'MISSION_RUN_MARK', 'PATH'];
  expect(names.sort()).toEqual([...allowed, 'TMPDIR']);
  expect(env.output).toContain(`HOME=${copy.home}\n`);
  expect(env.output).toContain(`MISSION_RUN_MARK=${mark}\n`);
  expect(env.output).not.toContain('/evil');
});

test('arguments are no shell’s business, input is read, priority is lower', async () => {
  const { workspaces, plain: run, sh } = bench();
  const args = ['%s|', '$(id)', '; ls', '*'];
  expect((await workspaces.run({ ...run, file: 'printf', args })).output).toBe('$(id)|; ls|*|');
  expect((await workspaces.run({ ...run, file: 'cat', args: [], input: 'in' })).output).toBe('in');
  const own = Number((await workspaces.run({ ...run, file: 'nice', args: [] })).output);
  expect(own).toBeGreaterThan(0);
  expect((await sh('kill -9 $$')).ending).toEqual({ kind: 'killed', signal: 'SIGKILL' });
  for (const impossible of ['a\0b', 'x'.repeat(2 ** 20)]) {
    const tried = await workspaces.run({ ...run, file: 'echo', args: [impossible] });
    expect(tried.ending).toMatchObject({ kind: 'not-started' });
  }
  const missing = await workspaces.run({ ...run, file: 'no-such-program', args: [] });
  expect(missing.ending).toMatchObject({ kind: 'not-started' });
  expect(JSON.stringify(missing.ending)).toContain('no-such-program could not be started');
});

test('long output: the first and last half are kept, and what was cut is said', async () => {
  const { sh } = bench();
  const heard: string[] = [];
  const script = 'i=0; while [ $i -lt 3000 ]; do echo "line $i"; i=$((i+1)); done; echo end';
  const result = await sh(script, { outputBytesMax: 400, onOutput: (text) => heard.push(text) });
  expect(heard.join('')).toContain('line 1500\n');
  expect(result.outputBytes).toBe(heard.join('').length);
  expect(result.cutBytes).toBe(result.outputBytes - 400);
  expect(result.output).toMatch(/^line 0\n/);
  expect(result.output).toMatch(/end\n$/);
  expect(result.output).toContain(`[${result.cutBytes} of ${result.outputBytes} bytes cut here`);
  const exact = await sh('printf 0123456789', { outputBytesMax: 10 });
  expect(exact).toMatchObject({ output: '0123456789', cutBytes: 0 });
});

const ESCAPING = `
  nohup sh -c 'echo > nohup; while :; do sleep 1; done' > /dev/null 2>&1 &
  setsid sh -c 'echo > setsid; while :; do sleep 1; done' &
  ( (trap '' TERM; echo > deaf; while :; do sleep 1; done) & )
  while [ ! -e nohup ] || [ ! -e setsid ] || [ ! -e deaf ]; do sleep 0.01; done
`;

test('nothing outlives its command: not with nohup, setsid or deaf ears', async () => {
  const { sh, alive } = bench();
  const result = await sh(`${ESCAPING} echo done`, { graceMs: 200 });
  expect(result).toMatchObject({ ending: { kind: 'exited', exitCode: 0 }, output: 'done\n' });
  expect(result.swept.stopped).toBeGreaterThanOrEqual(3);
  expect(result.swept.left).toBe(0);
  expect(await alive()).toEqual([]);
});

test('a timeout ends the whole tree, with time for those who listen to clean up', async () => {
  const { sh, copy, alive } = bench();
  const script = `trap 'echo bye > bye; exit' TERM; ${ESCAPING} while :; do sleep 0.05; done`;
  const result = await sh(script, { timeoutMs: 800, graceMs: 400 });
  expect(result.ending).toEqual({ kind: 'timed-out', timeoutMs: 800 });
  expect(result.swept.left).toBe(0);
  expect(read(copy.path, 'bye')).toBe('bye\n');
  expect(await alive()).toEqual([]);
});

test('an abort ends the whole tree; one before the start starts nothing', async () => {
  const { sh, copy, alive } = bench();
  const controller = new AbortController();
  const running = sh(`${ESCAPING} echo > ready; wait`, { signal: controller.signal, graceMs: 100 });
  await until(() => read(copy.path, 'ready'));
  controller.abort();
  expect(await running).toMatchObject({ ending: { kind: 'cancelled' }, swept: { left: 0 } });
  expect(await alive()).toEqual([]);
  write(copy.path, { ready: 'untouched' });
  const late = await sh('echo > ready', { signal: controller.signal });
  expect(late).toMatchObject({ ending: { kind: 'cancelled' }, swept: { stopped: 0, left: 0 } });
  expect(read(copy.path, 'ready')).toBe('untouched');
});

test('orphans of a killed worker are found by their mark, and only they', async () => {
  const { workspaces, copy, mark, alive } = bench();
  const other = bench();
  // a worker that dies at once and leaves its children: what remains carries the mark alone
  for (const { copy: one, mark: name } of [{ copy, mark }, other]) {
    const env = { PATH: SEARCH_PATH, MISSION_RUN_MARK: name };
    const options = { cwd: one.path, env, stdio: 'ignore', detached: true } as const;
    const worker = spawn('sh', ['-c', `${ESCAPING} echo > ready; sleep 60`], options);
    await until(() => read(one.path, 'ready'));
    worker.kill('SIGKILL');
  }
  expect((await alive()).length).toBeGreaterThanOrEqual(3);
  const { stopped, left } = await workspaces.killOrphans([mark, 'none'], { graceMs: 100 });
  expect(stopped).toBeGreaterThanOrEqual(3);
  expect(left).toBe(0);
  expect(await alive()).toEqual([]);
  expect((await other.alive()).length).toBeGreaterThanOrEqual(3);
  await workspaces.killOrphans([other.mark], { graceMs: 0 });
  expect(await other.alive()).toEqual([]);
});
