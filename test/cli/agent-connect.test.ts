import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type House, openHouse } from '../support/house.js';
import { documentOf, missionOn } from '../support/mission.js';

const PAGING = fileURLToPath(new URL('../support/agents/paging.mjs', import.meta.url));

let house: House;
let mission: ReturnType<typeof missionOn>;
beforeAll(async () => {
  house = await openHouse();
  mission = missionOn(house);
});
afterAll(() => house.close());

const rows = () => house.database.sql<{ id: string; backend: string; program: object | null }[]>`
  select id, backend, program from agents where connected_at is not null order by id`;

describe('nothing is connected', () => {
  test('with a program that is not there, or none that is meant', async () => {
    const none = await mission('agent', 'connect', '--program', '/nowhere/agent');
    expect(none).toMatchObject({ code: 2, stdout: '' });
    expect(none.stderr).toContain('there is no program /nowhere/agent here');
    const custom = await mission('agent', 'connect', '--preset', 'custom');
    expect(custom).toMatchObject({ code: 2 });
    expect(custom.stderr).toContain('--preset custom needs --program PATH');
    const nobody = await mission('agent', 'connect', 'nobody', '--program', PAGING);
    expect(nobody).toMatchObject({ code: 3 });
    expect(await rows()).toEqual([]);
  });

  test('with a program that commits nothing', async () => {
    const failed = await mission('agent', 'connect', '--program', '/bin/cat');
    expect(failed).toMatchObject({ code: 1 });
    expect(failed.stdout).toContain('failed    file committed: it says it is done, but');
    expect(failed.stdout).toContain('nothing was connected');
    expect(await rows()).toEqual([]);
  });

  test('without what it needs to be logged in', async () => {
    const options = ['--preset', 'claude-code', '--program', PAGING];
    const { code, stdout } = await mission('agent', 'connect', ...options);
    expect(code).toBe(1);
    expect(stdout).toContain('no login for claude-code is found: set ANTHROPIC_API_KEY');
  });
});

test('a program that wrote a file and reviewed it in the sandbox is connected', async () => {
  const options = ['--program', PAGING, '--host', 'example.com:443', '--budget', '5000'];
  const one = await mission('agent', 'connect', 'implementer', ...options);
  expect(one).toMatchObject({ code: 0 });
  expect(one.stdout).toMatch(/Sandbox {3}bubblewrap: /);
  expect(one.stdout).toContain('ok        file committed: mission-check.txt');
  expect(one.stdout).toContain('ok        verdict read: APPROVED');
  expect(one.stdout).toContain('Used      178 tokens, $0.2500');
  expect(one.stdout).toContain('connected implementer with custom');
  const program = {
    ...{ preset: 'custom', file: PAGING, args: [], variables: [] },
    ...{ hosts: ['example.com:443'], budgetTokens: 5000, credential: `custom ${PAGING}` },
  };
  expect(await rows()).toEqual([{ id: 'implementer', backend: 'command', program }]);
  const shown = await mission('agent', 'show', 'implementer');
  expect(shown.stdout).toContain('command (custom)');
  expect(shown.stdout).toContain(`${PAGING} (reaches example.com:443; 5000 tokens a call)`);
});

test('a login is kept where only its owner reads it, once it has been of use', async () => {
  const file = join(house.home, 'logins', 'MY_TOKEN');
  const given = (program: string) =>
    missionOn(house, { input: 'secret-of-ann\n' })(
      ...['agent', 'connect', 'custom', 'writer', '--program', program, '--mcp', servers],
      ...['--login', 'MY_TOKEN', '--variable', 'MY_TOKEN'],
    );
  const servers = join(house.home, 'mcp.json');
  writeFileSync(servers, '{"mcpServers": {"docs": {"command": "docs", "url": "http://x"}}}');
  const wrong = await given(PAGING);
  expect(wrong).toMatchObject({ code: 2 });
  expect(wrong.stderr).toMatch(/--mcp .*docs.*a command to start, or a url, and not both/);
  const withKey = { docs: { command: 'docs', env: { TOKEN: 'key-of-docs' } } };
  writeFileSync(servers, JSON.stringify({ mcpServers: withKey }));
  const refused = await given(PAGING);
  expect(refused).toMatchObject({ code: 2 });
  expect(refused.stderr).toMatch(/docs.env.* would stand in the records and on the command line/);
  expect(refused.stderr).not.toContain('key-of-docs');
  writeFileSync(servers, '{"mcpServers": {"docs": {"command": "docs"}}}');
  expect(await given('/bin/cat')).toMatchObject({ code: 1 });
  expect(existsSync(file)).toBe(false);
  const kept = await given(PAGING);
  expect(kept).toMatchObject({ code: 0, stdout: expect.stringContaining('connected writer with') });
  expect(readFileSync(file, 'utf8')).toBe('secret-of-ann\n');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const { stdout } = await mission('agent', 'show', 'writer');
  expect(stdout).toContain('MCP servers docs');
  expect(kept.stdout + kept.stderr + stdout).not.toContain('secret-of-ann');
});

test('without a name the whole squad is, with an audit row each', async () => {
  const ran = await mission('agent', 'connect', '--program', PAGING, '--json');
  const { agents, trial } = documentOf<{ agents: string[]; trial: object }>(ran);
  expect(agents).toHaveLength(9);
  expect(trial).toMatchObject({ green: true, version: null, costUsd: 0.25 });
  expect(await rows()).toHaveLength(9);
  const [audit] = await house.database.sql`
    select principal, door, count(*)::integer as many from audit
    where action = 'agent.connect' and subject not in ('implementer', 'writer') group by 1, 2`;
  expect(audit).toMatchObject({
    principal: expect.stringMatching(/^person:/),
    door: 'cli',
    many: 7,
  });
});
