import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Deps } from '../../activities/deps.js';
import { effectsIn } from '../../activities/effects.js';
import type { ProgramCall } from '../../src/agents/backend.js';
import { createWorkspaces, type WorkspaceSettings } from '../../src/workspace/index.js';
import { describeNeeding, needs } from '../support/needs.js';
import { plainCopy } from './sandbox-rig.js';
import { SEARCH_PATH, temporaryFolder } from './support.js';

/** The effects of an agent in a copy, of which nothing but the workspace is real. */
function bench(settings: Partial<WorkspaceSettings> = {}, how: { trusted?: boolean } = {}) {
  const home = join(temporaryFolder(), 'home');
  const workspaces = createWorkspaces({ home, searchPath: SEARCH_PATH, ...settings });
  return effectsIn({ workspaces } as unknown as Deps, plainCopy(home), how);
}

const never = new AbortController().signal;
const call: ProgramCall = {
  file: 'sh',
  args: ['-c', 'cat; echo "$KEY" >&2; printf answer > "$MISSION_RESULT_FILE"'],
  input: 'asked\n',
  environment: { KEY: 'given' },
  readOnly: false,
  hosts: [],
  timeoutMs: 20_000,
  outputBytesMax: 1000,
  answers: true,
};

test('without a sandbox an agent’s commands and programs are refused, a person’s run', async () => {
  const nowhere = { searchPath: temporaryFolder() };
  const refused = /^not started: no sandbox: .*; /;
  const { output, exitCode } = await bench(nowhere).run('echo run', { signal: never });
  expect([exitCode, output]).toEqual([null, expect.stringMatching(refused)]);
  const { ending } = await bench(nowhere).start(call, { signal: never, onLine: () => undefined });
  expect(ending).toMatchObject({
    kind: 'not-started',
    reason: expect.stringMatching(/^no sandbox/),
  });
  const trusted = bench({ sandbox: 'native' }, { trusted: true });
  expect(await trusted.run('echo run', { signal: never })).toEqual({
    exitCode: 0,
    output: 'run\n',
  });
});

describeNeeding(needs.bubblewrap, 'a program of an agent by its port', () => {
  test('its lines are heard as they come, and its end tells all of it', async () => {
    const lines: string[] = [];
    const onLine = (line: string, stream: string) => lines.push(`${stream} ${line}`);
    expect(await bench().start(call, { signal: never, onLine })).toEqual({
      ending: { kind: 'exited', exitCode: 0 },
      stdout: 'asked\n',
      stderr: 'given\n',
      cutBytes: 0,
      result: 'answer',
    });
    expect(lines.sort()).toEqual(['stderr given', 'stdout asked']);
  });

  test('aborted, it rejects with the reason; so does one that never began', async () => {
    const stop = new AbortController();
    const onLine = () => stop.abort(new Error('enough'));
    const endless = { ...call, args: ['-c', 'echo begun; exec sleep 600'] };
    const effects = bench();
    const running = effects.start(endless, { signal: stop.signal, onLine });
    await expect(running).rejects.toThrow('enough');
    await expect(effects.start(call, { signal: stop.signal, onLine })).rejects.toThrow('enough');
  });
});
