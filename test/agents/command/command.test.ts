import { execFileSync } from 'node:child_process';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RunRequest } from '../../../src/agents/backend.js';
import { createCommandBackend } from '../../../src/agents/command/command.js';
import type { AgentProgram, Preset } from '../../../src/domain/program.js';
import { Bench } from '../../support/bench.js';
import { recorded } from './recordings.js';

const NOW = Date.UTC(2026, 10, 21, 21, 39);
const KEYS: Record<string, string> = {
  ANTHROPIC_API_KEY: 'key of Ann',
  CODEX_API_KEY: 'key of Ann',
  MINE: 'mine',
  OTHER: 'not to be seen',
};
const backend = createCommandBackend({
  variable: (name) => KEYS[name] ?? null,
  now: () => NOW,
});

let bench: Bench;
beforeEach(async () => {
  bench = await Bench.open();
  execFileSync('git', ['init', '--quiet', bench.folder]);
  await writeFile(join(bench.folder, 'there.txt'), 'there\n');
  execFileSync('git', ['add', '--all'], { cwd: bench.folder });
});
afterEach(() => bench.close());

/** A program that is a shell script, outside of the working copy. */
async function script(body: string, preset: Preset = 'custom'): Promise<AgentProgram> {
  const file = join(bench.base, 'agent.sh');
  await writeFile(file, `#!/bin/sh\n${body}\n`);
  await chmod(file, 0o755);
  return { preset, file, args: [], variables: ['MINE'], hosts: [], budgetTokens: 100_000 };
}

const requestFor = (program: AgentProgram, more: Partial<RunRequest> = {}): RunRequest =>
  bench.request({ agent: { id: 'a', name: 'A', model: null, program }, ...more });

/** Prints what a real program once printed. */
async function playing(name: string, preset: Preset, before = ''): Promise<AgentProgram> {
  await writeFile(join(bench.base, `${name}.jsonl`), recorded(name));
  return script(`cat > ../told\n${before}\ncat ../${name}.jsonl`, preset);
}

describe('what a program finds', () => {
  test('its own variables and no other, and what it is told by standard input', async () => {
    const told = 'env > seen; cat > told; echo {} > /dev/null';
    const program = await script(`${told}; echo '{"report":"Done."}' > "$MISSION_RESULT_FILE"`);
    const outcome = await bench.attempt(backend, requestFor(program));
    expect(outcome).toMatchObject({ kind: 'finished', report: 'Done.' });
    const seen = (await bench.read('seen')) ?? '';
    const names = seen.split('\n').flatMap((line) => /^(\w+)=/.exec(line)?.[1] ?? []);
    const shells = new Set(['PWD', 'OLDPWD', 'SHLVL', '_']);
    expect(names.filter((name) => !shells.has(name)).sort()).toEqual([
      ...['HOME', 'LANG', 'MINE', 'MISSION_BUDGET_TOKENS', 'MISSION_RESULT_FILE'],
      ...['MISSION_RUN_ID', 'MISSION_RUN_KIND', 'MISSION_TASK_ID', 'PATH', 'TMPDIR'],
    ]);
    expect(seen).toContain('MISSION_TASK_ID=T-1\n');
    expect(await bench.read('told')).toMatch(/^Do it\.[\s\S]*MISSION_RESULT_FILE names/);
  });

  test.each(['codex', 'claude-code'] as const)('%s: no file to answer by', async (preset) => {
    const name = preset === 'codex' ? 'codex-executed' : 'claude-executed';
    const program = await playing(name, preset, 'echo "<$MISSION_RESULT_FILE>" > ../answer');
    await bench.attempt(backend, requestFor(program, { kind: 'REVIEW' }));
    expect(await bench.read('../answer')).toBe('<>\n');
  });

  test('without a program or its login it is not started', async () => {
    const none = await bench.attempt(backend, bench.request());
    expect(none).toMatchObject({
      kind: 'later',
      because: 'backend',
      message: expect.stringContaining('connect'),
    });
    const program = await script('touch started', 'claude-code');
    const bare = createCommandBackend({ variable: () => null, now: () => NOW });
    const outcome = await bench.attempt(bare, requestFor({ ...program, variables: [] }));
    expect(outcome).toMatchObject({ message: expect.stringContaining('claude setup-token') });
    expect(await bench.read('started')).toBeNull();
  });
});

test('one that is not there is the house to mend, and waited for', async () => {
  const program = { ...(await script('')), file: '/nowhere/agent' };
  const outcome = await bench.attempt(backend, requestFor(program));
  expect(outcome).toMatchObject({ kind: 'later', because: 'program' });
});

describe('what a program did', () => {
  test('a change, also one that it has committed itself, is a result', async () => {
    const commit = 'git -c user.name=a -c user.email=a@b commit -qm x';
    const program = await script(`echo x > new; git add new; ${commit}; echo Done.`);
    const outcome = await bench.attempt(backend, requestFor(program));
    expect(outcome).toMatchObject({ kind: 'finished', report: 'Done.\n' });
  });

  test('what is staged stays as it was', async () => {
    const program = await script('echo x > new; echo Done.');
    await bench.attempt(backend, requestFor(program));
    const status = execFileSync('git', ['status', '--short'], { cwd: bench.folder });
    expect(status.toString()).toBe('A  there.txt\n?? new\n');
  });

  test('no change is none, whatever it says', async () => {
    const program = await script('echo "All done!"');
    const outcome = await bench.attempt(backend, requestFor(program));
    expect(outcome).toMatchObject({ kind: 'failed', cause: 'agent-error' });
    expect(bench.checkpoints).toEqual([]);
  });

  test('what an earlier call of the run has changed counts', async () => {
    const program = await script(
      'if [ -e new ]; then echo Done.; else echo x > new; echo \'{"question":"Which?"}\'; fi',
    );
    const asked = await bench.attempt(backend, requestFor(program));
    expect(asked).toEqual({ kind: 'asks', question: 'Which?' });
    const resume = bench.checkpoints.at(-1) ?? null;
    const request = requestFor(program, { resume, answer: 'that one' });
    expect(await bench.attempt(backend, request)).toMatchObject({ kind: 'finished' });
  });

  test('what has ended is not done again', async () => {
    const program = await script('echo x >> new; echo Done.');
    const first = await bench.attempt(backend, requestFor(program));
    const resume = bench.checkpoints.at(-1) ?? null;
    expect(await bench.attempt(backend, requestFor(program, { resume }))).toEqual(first);
    expect(await bench.read('new')).toBe('x\n');
  });
});

describe('sessions', () => {
  const session = '08c4a580-f6e4-4b0a-8018-d98758790184';

  test('a verdict that could not be read is asked for in the session that gave it', async () => {
    const program = await playing('claude-resumed', 'claude-code', 'echo "$@" >> ../args');
    const review = { kind: 'REVIEW' } as const;
    await bench.attempt(backend, requestFor(program, review));
    const resume = bench.checkpoints.at(-1) ?? null;
    const again = { ...review, resume, reask: 'verdict.nonce: expected another' };
    await bench.attempt(backend, requestFor(program, again));
    const [first = '', second = ''] = ((await bench.read('../args')) ?? '').split('\n');
    expect(first).not.toContain('--resume');
    expect(second).toContain(`--resume ${session}`);
    const told = (await bench.read('../told')) ?? '';
    expect(told).toContain('verdict.nonce: expected another');
    expect(told).not.toContain('Do it.');
  });

  test('what the session had used up before is not told again', async () => {
    const program = await playing('claude-asks', 'claude-code');
    await bench.attempt(backend, requestFor(program));
    const more = await playing('claude-resumed', 'claude-code');
    const resume = bench.checkpoints.at(-1) ?? null;
    await bench.attempt(backend, requestFor(more, { resume, answer: '8080' }));
    const used = bench.events.filter(({ kind }) => kind === 'usage');
    const usage = { input: 1000, output: 50, cacheRead: 300, cacheWrite: 20 };
    expect(used).toEqual([
      { kind: 'usage', usage, costUsd: expect.closeTo(0.00258) },
      { kind: 'usage', usage, costUsd: expect.closeTo(0.00258) },
    ]);
    expect(await bench.read('../told')).toMatch(/Which port\?\s+8080/);
  });

  test('one that is gone is begun anew, and told all', async () => {
    await writeFile(join(bench.base, 'gone'), recorded('claude-no-session'));
    const asked = await playing('claude-asks', 'claude-code');
    await bench.attempt(backend, requestFor(asked));
    const gone = 'case "$*" in *--resume*) cat ../gone; exit 1;; esac; echo x > new';
    const program = await playing('claude-executed', 'claude-code', gone);
    const resume = bench.checkpoints.at(-1) ?? null;
    const outcome = await bench.attempt(backend, requestFor(program, { resume, answer: '8080' }));
    expect(outcome).toMatchObject({ kind: 'finished', report: 'Did it.\nChecked.' });
    expect(await bench.read('../told')).toMatch(/^Do it\.[\s\S]*8080/);
    expect(bench.checkpoints.at(-1)?.transcript).toMatchObject({
      session: 'a9c39539-a6b8-41c5-a921-1492a6a8c791',
      commands: expect.stringContaining('$ echo hi'),
    });
  });

  test('its session is kept while it works, and gone on with once it was killed', async () => {
    await writeFile(join(bench.base, 'begin'), recorded('claude-executed').split('\n')[1] ?? '');
    const program = await script('cat ../begin; echo; echo x > new; sleep 60', 'claude-code');
    const killing = new AbortController();
    const { signal } = killing;
    const running = bench.attempt(backend, requestFor(program), { signal });
    const session = expect.stringMatching(/^[\w-]{36}$/);
    await expect.poll(() => bench.remembered.at(-1), { timeout: 5000 }).toMatchObject({ session });
    killing.abort(new Error('killed'));
    await expect(running).rejects.toThrow('killed');
    expect(bench.checkpoints).toEqual([]);
    const resume = { turn: 0, commit: 'as left', transcript: bench.remembered.at(-1) };
    const again = await playing('claude-executed', 'claude-code', 'echo "$@" >> ../args');
    // What the killed attempt has changed counts, though this one changes nothing more.
    const outcome = await bench.attempt(backend, requestFor(again, { resume }));
    expect(outcome).toMatchObject({ kind: 'finished' });
    expect(await bench.read('../args')).toContain('--resume');
    expect(await bench.read('../told')).toMatch(/^You were interrupted/);
    const said = {
      kind: 'text',
      text: '[goes on in the session that it had, with the files as they were]',
    };
    expect(bench.events).toContainEqual(said);
  });

  test('what could be an option is no session', async () => {
    const program = await script('echo x > new; echo \'{"report":"Done.","session":"--bad"}\'');
    await bench.attempt(backend, requestFor(program));
    expect(bench.checkpoints[0]?.transcript).toMatchObject({ session: null });
  });
});

test('what it prints for people is told while it works', async () => {
  const gate = 'while [ ! -e ../go ]; do sleep 0.01; done';
  const program = await script(`echo one >&2; ${gate}; echo x > new; echo two`);
  const running = bench.attempt(backend, requestFor(program));
  const line = { kind: 'log', source: 'stderr', text: 'one' };
  await expect.poll(() => bench.events, { timeout: 5000 }).toContainEqual(line);
  await writeFile(join(bench.base, 'go'), '');
  expect(await running).toMatchObject({ kind: 'finished', report: 'two\n' });
});

describe('limits', () => {
  test('of an account: it is asked again when that ends', async () => {
    const program = await playing('codex-usage-limit', 'codex');
    const outcome = await bench.attempt(backend, requestFor(program));
    expect(outcome).toMatchObject({ kind: 'later', retryAfterSeconds: 2 * 3600 + 3 * 60 });
    expect(bench.checkpoints).toHaveLength(1);
  });

  test('of tokens: a program that spends more is ended at once', async () => {
    const program = await playing('claude-executed', 'claude-code');
    const body = 'head -3 ../claude-executed.jsonl; sleep 60; touch late';
    const slow = { ...(await script(body, 'claude-code')), budgetTokens: 1000 };
    expect(slow.file).toBe(program.file);
    const outcome = await bench.attempt(backend, requestFor(slow));
    expect(outcome).toMatchObject({ kind: 'out-of-budget' });
    expect(bench.events).toContainEqual({
      kind: 'usage',
      usage: { input: 1021, output: 0, cacheRead: 0, cacheWrite: 0 },
    });
    expect(await bench.read('late')).toBeNull();
  });

  test('of patience: an abort ends it with its reason, and nothing is told after', async () => {
    const program = await script('echo up > up; sleep 60');
    const stop = new AbortController();
    const running = bench.attempt(backend, requestFor(program), { signal: stop.signal });
    const settled = running.catch((error: unknown) => error);
    await expect.poll(() => bench.read('up'), { timeout: 5000 }).toBe('up\n');
    const reason = new Error('cancelled by a person');
    stop.abort(reason);
    expect(await settled).toBe(reason);
    expect(bench.afterAbort).toEqual([]);
    expect(bench.checkpoints).toEqual([]);
  });

  test('of politeness: it had finished and does not go', async () => {
    const program = await playing('claude-executed', 'claude-code', 'echo x > new');
    const text = `cat ../claude-executed.jsonl; echo x > new; sleep 60`;
    const lingering = { ...(await script(text, 'claude-code')), file: program.file };
    const outcome = await bench.attempt(backend, requestFor(lingering));
    expect(outcome).toMatchObject({ kind: 'finished', report: 'Did it.\nChecked.' });
  });
});
