import { expect, test } from 'vitest';
import { chooseRecipe } from '../../src/cli/repository-recipe.js';
import { checkLine, tailOf } from '../../src/cli/repository-text.js';
import { createTerminal, type Terminal } from '../../src/cli/terminal.js';
import type { Proposal } from '../../src/domain/recipe/propose.js';
import type { Wishes } from '../../src/service/index.js';

const PROPOSAL: Proposal = {
  ...{ setup: 'npm ci', checks: ['npm test'], folder: 'app', from: ['app/package.json'] },
  ...{ others: ['web'], hints: [] },
};

/** A person who types these lines, one a question; null: nobody sits there. */
async function chosen(typed: readonly string[] | null, wishes: Wishes = {}, proposal = PROPOSAL) {
  const ways = { inText: (text: string) => text } as Terminal['ways'];
  const plain = createTerminal({ output: {}, color: false, ways });
  const said: string[] = [];
  const asked: string[] = [];
  const ask = async (question: string) => {
    asked.push(question);
    return typed === null ? null : (typed[asked.length - 1] ?? '');
  };
  const terminal = { ...plain, ask, quote: (text: string) => void said.push(text) };
  const recipe = await chooseRecipe(terminal, proposal, wishes, false);
  return { recipe, asked: asked.length, said: said.join('\n') };
}

const PROPOSED = {
  ...{ setup: 'npm ci', checks: ['npm test'], folder: 'app' },
  ...{ installScripts: false, copies: [] },
};

test('what is proposed is taken, refused, or replaced by what is typed', async () => {
  expect(await chosen([''])).toMatchObject({ recipe: PROPOSED, asked: 1 });
  expect(await chosen(['what?', 'y'])).toMatchObject({ recipe: PROPOSED, asked: 2 });
  expect(await chosen(['n'])).toMatchObject({ recipe: null });
  const typed = await chosen(['e', 'make deps', 'make test', 'make lint', '']);
  const checks = ['make test', 'make lint'];
  expect(typed.recipe).toEqual({ ...PROPOSED, setup: 'make deps', checks });
  expect((await chosen(['e', '', ''])).recipe).toMatchObject({ setup: null, checks: [] });
});

test('where nobody answers it is taken and told', async () => {
  const { recipe, said } = await chosen(null);
  expect(recipe).toEqual(PROPOSED);
  expect(said).toContain('from app/package.json:');
  expect(said).toContain('Setup    npm ci');
  expect(said).toContain('other projects in it: web; choose with --folder');
});

test('nothing is asked where all is said, and one part said leaves the other', async () => {
  const all = { setup: null, checks: ['true'] };
  expect(await chosen(['n'], all)).toMatchObject({ recipe: { ...PROPOSED, ...all }, asked: 0 });
  const one = await chosen([''], { checks: ['true'] });
  expect(one).toMatchObject({ recipe: { ...PROPOSED, checks: ['true'] }, asked: 1 });
});

test('what CI runs is named where no check is found, and none of it moves a cursor', async () => {
  const found = { ...PROPOSAL, checks: [], hints: ['./gradlew \u001b[2Jtest'] };
  const { said } = await chosen([''], {}, found);
  expect(said).toContain('its CI runs: ./gradlew <U+001B>[2Jtest; take one with --check');
});

test('of an output its end is shown, plain', () => {
  const { colors } = createTerminal({ output: {}, color: false, ways: {} as Terminal['ways'] });
  const lines = Array.from({ length: 50 }, (_, index) => `line ${index}`);
  expect(tailOf(`${lines.join('\n')}\n`)).toMatch(/^ {4}\[10 lines before\]\n {4}line 10\n/);
  expect(tailOf('\u001b[31mred\u001b[0m \u001b]0;title\u0007')).toBe(
    '    red <U+001B>]0;title<U+0007>',
  );
  const check = { command: 'npm test', output: '', durationMs: 1240 };
  expect(checkLine({ ...check, exitCode: 0 }, colors)).toBe('green         npm test (1.2 s)');
  expect(checkLine({ ...check, exitCode: null }, colors)).toBe(
    'BASELINE_RED  npm test (stopped, 1.2 s)',
  );
});
