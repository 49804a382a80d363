import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { call } from '../../drizzle/db.js';
import type { Preset } from '../../src/domain/program.js';
import { build } from '../support/build.js';
import { type House, openHouse } from '../support/house.js';
import { missionOn } from '../support/mission.js';
import { type Asked, type ModelApi, openModelApi, type Said } from '../support/model-api.js';
import { describeNeeding } from '../support/needs.js';
import { realProgram } from '../support/real-programs.js';
import { addRepository } from '../support/repository.js';
import { file } from '../support/tasks.js';

const KEY = 'sk-canary-of-ann';

/** How the two programs name their shell, and how they are told an answer by a schema. */
interface Dialect {
  readonly preset: Preset;
  readonly version: string;
  /** One that it knows, and whose tools these are. */
  readonly model: string;
  readonly variables: (url: string) => Record<string, string>;
  readonly shell: (command: string) => Said;
  readonly handOver: (output: object) => Said;
}

const CLAUDE: Dialect = {
  preset: 'claude-code',
  version: '2.1.329',
  model: 'claude-sonnet-5-5',
  variables: (url) => ({ ANTHROPIC_API_KEY: KEY, ANTHROPIC_BASE_URL: url }),
  shell: (command) => ({ kind: 'tool', name: 'Bash', input: { command, description: 'work' } }),
  handOver: (input) => ({ kind: 'tool', name: 'StructuredOutput', input }),
};

const CODEX: Dialect = {
  preset: 'codex',
  version: '0.169.0',
  model: 'gpt-5.5',
  variables: (url) => ({ CODEX_API_KEY: KEY, OPENAI_BASE_URL: `${url}/v1` }),
  shell: (cmd) => ({ kind: 'tool', name: 'exec_command', input: { cmd } }),
  handOver: (output) => ({ kind: 'text', text: JSON.stringify(output) }),
};

/** The model of both agents: works once by the shell, hands over, and approves what it is shown. */
function modelOf({ shell, handOver }: Dialect, secret: () => string) {
  let worked = false;
  let checked = false;
  return (_: number, { body }: Asked): Said => {
    const nonce = /\\"nonce\\": \\"([^\\"]+)/.exec(body)?.[1];
    const [, path, word] = /file named (\S+) that holds this word [^:]+: ([\w-]+)/.exec(body) ?? [];
    if (nonce === undefined && path !== undefined && !checked) {
      checked = true;
      return shell(`echo ${word} > ${path}`);
    }
    if (nonce === undefined) {
      if (worked || checked)
        return handOver({ report: 'A line was added.', unchanged: null, question: null });
      worked = true;
      return shell(`echo two >> shared.txt; env; cat ${secret()}`);
    }
    const evidence = 'the diff';
    return handOver({
      ...{ nonce, verdict: 'APPROVED', summary: 'One line more, as asked.', issues: [] },
      criteria: [{ criterion: 'A1', result: 'met', evidence }],
      ...{ earlier: [], spawn: [] },
    });
  };
}

for (const [name, dialect] of [
  ['claude', CLAUDE],
  ['codex', CODEX],
] as const) {
  describeNeeding(realProgram(name), `the real ${name} against a model on loopback`, (program) => {
    let api: ModelApi;
    let house: House;
    beforeAll(async () => {
      build(); // its time is none of a test's
      api = await openModelApi(modelOf(dialect, () => join(house.home, 'secret')));
      house = await openHouse({ variables: dialect.variables(api.url) });
      writeFileSync(join(house.home, 'secret'), 'CANARY-OF-THE-HOST\n');
      const { sql } = house.database;
      const agents = (await sql<{ id: string }[]>`select id from agents`).map(({ id }) => id);
      await call(house.database, 'connect_agents', {
        ...{ by: 'person:ann', door: 'cli', why: 'a test', agents, model: dialect.model },
        program: {
          ...{ preset: dialect.preset, file: program, args: [], variables: [] },
          ...{ hosts: [], budgetTokens: 1_000_000 },
        },
      });
    });
    afterAll(async () => {
      await house.close();
      await api.close();
    });

    test('executes in the sandbox, reviews, and its work lands', async () => {
      const repository = await addRepository(house, { provenance: 'person' });
      mkdirSync(join(repository.path, '.claude'));
      const hooks = { SessionStart: [{ hooks: [{ type: 'command', command: 'touch hooked' }] }] };
      repository.write('.claude/settings.json', JSON.stringify({ hooks }));
      repository.write('CLAUDE.md', 'CANARY-OF-GUIDES\n');
      repository.write('AGENTS.md', 'CANARY-OF-GUIDES, too\n');
      repository.commit('Settings');
      const acceptance = ['shared.txt has two lines'];
      const asked = { title: 'Add a line', repository: repository.name, acceptance };
      const task = await file(house, {}, { ...asked, description: 'One line more.' });
      expect(await task.result()).toMatchObject({ status: 'DONE', cycles: 1, rehearsed: false });
      const { landed_ref: ref } = await task.record();
      expect(repository.git('show', `${ref}:shared.txt`)).toBe('first\ntwo');
      expect(repository.git('ls-tree', '--name-only', `${ref}`)).not.toContain('hooked');
      const review = await task.instructions('REVIEW', 1);
      expect(review).toContain('No such file or directory');
      const bodies = api.asked.map(({ body }) => body).join('\n');
      expect(bodies).not.toContain('CANARY-OF-THE-HOST');
      // By our hand and by no other: what the program itself would read is off.
      expect(bodies).toMatch(/of the base branch:(\\n)+CANARY-OF-GUIDES/);
      expect(bodies).not.toMatch(/(?<!of the base branch:(\\n)+)CANARY-OF-GUIDES/);
      expect(api.asked.every(({ authorization }) => authorization.endsWith(KEY))).toBe(true);
    });

    test('is connected by the command line, which says what it is and what it cost', async () => {
      const env = dialect.variables(api.url);
      const options = ['--program', program, '--model', dialect.model];
      const ran = await missionOn(house, { env })('agent', 'connect', 'writer', ...options);
      expect(ran).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('verdict read: APPROVED'),
      });
      expect(ran.stdout).toContain(dialect.version);
      expect(ran.stdout).toContain('API key (');
      expect(ran.stdout).toContain(api.url);
      expect(ran.stdout).not.toContain(KEY);
      expect(ran.stdout).toMatch(/Used {6}\d{4,} tokens/);
    });

    test('what it used up is counted, and its key is nowhere in the records', async () => {
      const { sql } = house.database;
      const runs = await sql<{ kind: string; tokens: string; cached: string }[]>`
        select kind, work_tokens::text as tokens, cache_read_tokens::text as cached from runs
        order by place`;
      expect(runs).toHaveLength(2);
      for (const { tokens, cached } of runs) {
        expect(Number(tokens)).toBeGreaterThanOrEqual(1000);
        expect(Number(cached)).toBeGreaterThanOrEqual(300);
      }
      const [found] = await sql`
        select count(*)::integer as many from contents
        where position(convert_to(${KEY}, 'UTF8') in body) > 0`;
      expect(found).toEqual({ many: 0 });
      const [told] = await sql`
        select count(*)::integer as many from run_events where event::text like ${`%${KEY}%`}`;
      expect(told).toEqual({ many: 0 });
    });
  });
}
