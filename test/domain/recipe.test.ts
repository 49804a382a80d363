import { describe, expect, test } from 'vitest';
import { filesToRead, proposeRecipe } from '../../src/domain/recipe/propose.js';

interface How {
  readonly folder?: string;
  readonly installScripts?: boolean;
}

/** As it is asked in earnest: only what `filesToRead` names can be read. */
function propose(files: Readonly<Record<string, string>>, how: How = {}) {
  const { folder = null, installScripts = false } = how;
  const paths = Object.keys(files);
  const read = filesToRead(paths, folder).map((path) => [path, files[path] ?? ''] as const);
  return proposeRecipe({ paths, texts: Object.fromEntries(read) }, { folder, installScripts });
}

const manifest = (given: object) => JSON.stringify(given);
const TESTED = manifest({ scripts: { test: 'node --test' }, devDependencies: { a: '1' } });

describe('of JavaScript', () => {
  test.each([
    [{ 'package-lock.json': '' }, 'npm ci --ignore-scripts', 'npm test'],
    [{ 'npm-shrinkwrap.json': '' }, 'npm ci --ignore-scripts', 'npm test'],
    [{ 'pnpm-lock.yaml': '' }, 'pnpm install --frozen-lockfile --ignore-scripts', 'pnpm test'],
    [{ 'yarn.lock': '' }, 'yarn install --frozen-lockfile --ignore-scripts', 'yarn test'],
    [
      { 'yarn.lock': '', '.yarnrc.yml': '' },
      'yarn install --immutable --mode=skip-build',
      'yarn test',
    ],
    [{ 'bun.lock': '' }, 'bun install --frozen-lockfile --ignore-scripts', 'bun run test'],
    [{ 'bun.lockb': '' }, 'bun install --frozen-lockfile --ignore-scripts', 'bun run test'],
    [{}, 'npm install --no-package-lock --ignore-scripts', 'npm test'],
  ])('the lock file says who installs: %j', (lock, setup, check) => {
    const found = propose({ 'package.json': TESTED, ...lock });
    expect(found).toMatchObject({ setup, checks: [check], folder: '', hints: [] });
    expect(found.from).toEqual([...Object.keys(lock).slice(0, 1), 'package.json']);
  });

  test('install scripts run only where they are allowed', () => {
    const allowed = { installScripts: true };
    const files = { 'package.json': TESTED };
    expect(propose({ ...files, 'package-lock.json': '' }, allowed).setup).toBe('npm ci');
    const modern = { ...files, 'yarn.lock': '', '.yarnrc.yml': '' };
    expect(propose(modern, allowed).setup).toBe('yarn install --immutable');
    expect(propose(files, allowed).setup).toBe('npm install --no-package-lock');
  });

  test('of two lock files the one that the manifest means', () => {
    const text = manifest({ packageManager: 'pnpm@10.1.0' });
    const files = { 'package.json': text, 'package-lock.json': '', 'pnpm-lock.yaml': '' };
    expect(propose(files).setup).toContain('pnpm install');
    const yarn = { 'package.json': manifest({ packageManager: 'yarn@4.1.0' }), 'yarn.lock': '' };
    expect(propose(yarn).setup).toContain('--immutable');
  });

  test('nothing is fetched where nothing is needed', () => {
    const text = manifest({ scripts: { test: 'node --test' } });
    expect(propose({ 'package.json': text })).toMatchObject({ setup: null, checks: ['npm test'] });
  });

  test('scripts that are checks are, quick ones first; others are not', () => {
    const scripts = {
      test: 'vitest run',
      lint: 'eslint .',
      typecheck: 'tsc',
      build: 'x',
      dev: 'x',
    };
    const { checks } = propose({ 'package.json': manifest({ scripts }) });
    expect(checks).toEqual(['npm run typecheck', 'npm run lint', 'npm test']);
  });

  test.each([
    [{ test: 'echo "Error: no test specified" && exit 1' }, []],
    [{ test: 'jest --watch', lint: ' ' }, []],
    [{ test: 'jest --watch=false' }, ['npm test']],
    [
      { check: 'npm run lint && npm test', lint: 'eslint .', test: 'x' },
      ['npm run lint', 'npm test'],
    ],
    [{ check: 'npm run lint && ./more.sh', lint: 'eslint .' }, ['npm run lint', 'npm run check']],
  ])('scripts %j', (scripts, checks) => {
    expect(propose({ 'package.json': manifest({ scripts }) }).checks).toEqual(checks);
  });

  test.each(['{', '[]', 'null', '{"scripts": 3, "dependencies": null}'])(
    'a manifest that cannot be read proposes nothing: %s',
    (text) => {
      expect(propose({ 'package.json': text })).toMatchObject({
        setup: null,
        checks: [],
        from: [],
      });
    },
  );
});

describe('of Python', () => {
  const config = '[tool.ruff]\nline-length = 100\n[tool.mypy]\n[tool.pytest.ini_options]\n';
  test.each([
    ['uv.lock', 'uv sync --frozen', 'uv run --no-sync '],
    ['poetry.lock', 'poetry install --no-interaction', 'poetry run '],
    ['pdm.lock', 'pdm sync', 'pdm run '],
    ['Pipfile.lock', 'pipenv sync --dev', 'pipenv run '],
  ])('%s says who installs', (file, setup, run) => {
    const found = propose({ [file]: '', 'pyproject.toml': config });
    expect(found).toMatchObject({ setup, from: [file, 'pyproject.toml'] });
    expect(found.checks).toEqual([`${run}ruff check .`, `${run}mypy .`, `${run}pytest`]);
  });

  test('requirements are installed beside the code, from wheels unless scripts may run', () => {
    const files = { 'requirements.txt': 'flask\n', 'requirements-dev.txt': 'pytest==8\n' };
    const pip = 'python3 -m venv .venv && .venv/bin/pip install';
    const what = '-r requirements.txt -r requirements-dev.txt';
    expect(propose(files)).toMatchObject({
      setup: `${pip} --only-binary :all: ${what}`,
      checks: ['.venv/bin/pytest'],
      from: ['requirements.txt', 'requirements-dev.txt'],
    });
    expect(propose(files, { installScripts: true }).setup).toBe(`${pip} ${what}`);
    const bare = propose({ 'pyproject.toml': '[project]\nname = "x"\n' });
    expect(bare).toMatchObject({ setup: `${pip} -e .`, checks: [], from: ['pyproject.toml'] });
  });
});

test('of Go and Rust', () => {
  expect(propose({ 'go.mod': 'module x\n\nrequire example.com/y v1.0.0\n', 'go.sum': '' })).toEqual(
    {
      ...{ setup: 'go mod download', checks: ['go vet ./...', 'go test ./...'], folder: '' },
      ...{ from: ['go.mod'], others: [], hints: [] },
    },
  );
  expect(propose({ 'go.mod': 'module x\n' }).setup).toBeNull();
  const cargo = { 'Cargo.toml': '', 'Cargo.lock': '' };
  expect(propose(cargo)).toMatchObject({
    ...{ setup: 'cargo fetch --locked', checks: ['cargo test --offline'] },
    from: ['Cargo.lock', 'Cargo.toml'],
  });
  expect(propose({ 'Cargo.toml': '' }).setup).toBe('cargo fetch');
});

test('two kinds of project in one folder are prepared one after the other', () => {
  const files = { 'package.json': TESTED, 'package-lock.json': '', 'uv.lock': '' };
  expect(propose(files).setup).toBe('npm ci --ignore-scripts && uv sync --frozen');
});

describe('of a Makefile', () => {
  const Makefile = 'CHECK := x\ntest: build\n\tgo test\nlint:\n\tx\ntests-all:\n';
  test('its targets are the checks where the tools of the language name none', () => {
    expect(propose({ Makefile })).toMatchObject({
      ...{ setup: null, checks: ['make lint', 'make test'], from: ['Makefile'] },
    });
    expect(propose({ Makefile, 'package.json': TESTED }).checks).toEqual(['npm test']);
    expect(propose({ Makefile: 'check := 1\nall:\n' }).checks).toEqual([]);
  });
});

describe('of a folder', () => {
  const app = { 'app/package.json': TESTED, 'app/package-lock.json': '' };
  test('the topmost with a lock file is taken where the root is none; others are named', () => {
    const files = { 'README.md': '', 'web/x/go.mod': '', 'web/x/go.sum': '', ...app };
    expect(propose(files)).toMatchObject({
      ...{ folder: 'app', setup: 'npm ci --ignore-scripts', checks: ['npm test'] },
      ...{ from: ['app/package-lock.json', 'app/package.json'], others: ['web/x'] },
    });
    expect(propose({ ...app, 'package.json': '{"private": true}' }).folder).toBe('app');
    expect(propose({ ...app, 'package.json': TESTED })).toMatchObject({ folder: '', others: [] });
  });

  test('that a person names is the only one that is looked at', () => {
    const files = { 'package.json': TESTED, 'tool/go.mod': 'module x\n', ...app };
    expect(propose(files, { folder: 'tool' })).toMatchObject({
      ...{ folder: 'tool', setup: null, checks: ['go vet ./...', 'go test ./...'], others: [] },
    });
    expect(propose(files, { folder: 'docs' })).toMatchObject({ setup: null, checks: [] });
  });

  test('within a workspace is installed as the workspace is', () => {
    const root = { 'package.json': manifest({ workspaces: ['packages/*'] }), 'yarn.lock': '' };
    const files = { ...root, 'packages/a/package.json': TESTED };
    const setup = 'yarn install --frozen-lockfile --ignore-scripts';
    expect(propose(files, { folder: 'packages/a' })).toMatchObject({
      ...{ setup, checks: ['yarn test'], from: ['packages/a/package.json'] },
    });
    const alone = { ...files, 'package.json': manifest({ name: 'no workspace' }) };
    expect(propose(alone, { folder: 'packages/a' }).setup).toContain('npm install');
    const pnpm = { 'pnpm-workspace.yaml': '', 'pnpm-lock.yaml': '', 'x/package.json': TESTED };
    expect(propose(pnpm, { folder: 'x' }).setup).toContain('pnpm install --frozen-lockfile');
  });

  test.each(['node_modules/x', 'vendor/y', 'test/fixtures/z', 'examples/a', '.cache/b'])(
    '%s is not what the repository is about',
    (folder) => {
      const files = { 'README.md': '', [`${folder}/package-lock.json`]: '' };
      expect(propose(files)).toMatchObject({ folder: '', setup: null });
    },
  );
});

describe('of workflows', () => {
  const path = '.github/workflows/ci.yml';
  const text = [
    ...[
      'jobs:',
      '  a:',
      '    steps:',
      '      - run: ./gradlew test  # all',
      '      - run: make docs',
    ],
    ...['      - name: Lint', "        run: 'sh lint.sh'", `      - run: x test \${{ matrix.y }}`],
    ...['      - run: |', '          many test lines', '      - run: "./gradlew test"'],
  ].join('\n');

  test('what they run is a hint where nothing says what the checks are', () => {
    expect(propose({ [path]: text })).toMatchObject({
      ...{ setup: null, checks: [], from: [], hints: ['./gradlew test', 'sh lint.sh'] },
    });
    expect(propose({ [path]: text, 'package.json': TESTED }).hints).toEqual([]);
  });
});
