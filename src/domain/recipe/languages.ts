import type { Folder, Part } from './files.js';

/** What a Python project asks for; null where there is none. */
export function python(folder: Folder, installScripts: boolean): Part | null {
  const manager = PYTHON.find(({ file }) => folder.has(file));
  if (manager === undefined) return null;
  const requirements = ['requirements.txt', 'requirements-dev.txt', 'dev-requirements.txt'].filter(
    (file) => folder.has(file),
  );
  const config = folder.text('pyproject.toml');
  const said = [config, ...requirements.map((file) => folder.text(file))].join('\n');
  const tools = [
    ...(/^\s*\[tool\.ruff/m.test(config) || folder.has('ruff.toml') ? ['ruff check .'] : []),
    ...(/^\s*\[tool\.mypy/m.test(config) || folder.has('mypy.ini') ? ['mypy .'] : []),
    ...(/\bpytest\b/.test(said) || folder.has('pytest.ini') ? ['pytest'] : []),
  ];
  const isPip = manager.run === VENV;
  return {
    setup: isPip ? pipSetup(requirements, installScripts) : manager.setup,
    checks: tools.map((tool) => `${manager.run}${tool}`),
    from: [...(isPip ? requirements : [manager.file]), ...pyproject(folder)].filter(unique),
  };
}

const VENV = '.venv/bin/';

/** Most particular first. `run` goes before the name of a tool. */
const PYTHON = [
  { file: 'uv.lock', setup: 'uv sync --frozen', run: 'uv run --no-sync ' },
  { file: 'poetry.lock', setup: 'poetry install --no-interaction', run: 'poetry run ' },
  { file: 'pdm.lock', setup: 'pdm sync', run: 'pdm run ' },
  { file: 'Pipfile.lock', setup: 'pipenv sync --dev', run: 'pipenv run ' },
  { file: 'requirements.txt', setup: null, run: VENV },
  { file: 'requirements-dev.txt', setup: null, run: VENV },
  { file: 'pyproject.toml', setup: null, run: VENV },
] as const;

/** What is built from source runs a script of its own: wheels alone, unless that is allowed. */
function pipSetup(requirements: readonly string[], installScripts: boolean): string {
  const what = requirements.map((file) => ` -r ${file}`).join('') || ' -e .';
  const wheels = installScripts || requirements.length === 0 ? '' : ' --only-binary :all:';
  return `python3 -m venv .venv && .venv/bin/pip install${wheels}${what}`;
}

const pyproject = (folder: Folder) => (folder.has('pyproject.toml') ? ['pyproject.toml'] : []);
const unique = <T>(value: T, index: number, all: readonly T[]) => all.indexOf(value) === index;

export function go(folder: Folder): Part | null {
  if (!folder.has('go.mod')) return null;
  // Without a requirement there is nothing to fetch, and no go.sum.
  const setup = /^\s*require\b/m.test(folder.text('go.mod')) ? 'go mod download' : null;
  return { setup, checks: ['go vet ./...', 'go test ./...'], from: ['go.mod'] };
}

export function rust(folder: Folder): Part | null {
  if (!folder.has('Cargo.toml')) return null;
  const isLocked = folder.has('Cargo.lock');
  return {
    setup: `cargo fetch${isLocked ? ' --locked' : ''}`,
    checks: ['cargo test --offline'],
    from: [...(isLocked ? ['Cargo.lock'] : []), 'Cargo.toml'],
  };
}

const TARGETS = ['typecheck', 'lint', 'check', 'test'];

/** The targets of a Makefile that are checks by their names. */
export function make(folder: Folder): Part | null {
  const file = ['Makefile', 'makefile', 'GNUmakefile'].find((name) => folder.has(name));
  if (file === undefined) return null;
  const text = folder.text(file);
  const targets = TARGETS.filter((name) => new RegExp(`^${name}\\s*:(?!=)`, 'm').test(text));
  if (targets.length === 0) return null;
  return { setup: null, checks: targets.map((name) => `make ${name}`), from: [file] };
}

/** What a workflow of GitHub runs that looks like a check; for a person to choose from. */
export function workflowHints(text: string): string[] {
  return text.split('\n').flatMap((line) => {
    const [, quote = '', said = ''] =
      /^\s*(?:-\s+)?run:\s*(['"]?)([^|>'"].*?)\1\s*$/.exec(line) ?? [];
    const command = quote === '' ? said.replace(/\s+#.*$/, '') : said;
    const isCheck = /\b(tests?|spec|lint|check|typecheck|tsc|vet|clippy|mypy|pytest)\b/i.test(
      command,
    );
    return isCheck && !command.includes('${{') ? [command] : [];
  });
}
