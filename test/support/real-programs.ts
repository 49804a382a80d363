import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The versions that the presets were written after. They are installed aside, never with us. */
const PROGRAMS = {
  claude: '@anthropic-ai/claude-code@2.1.329',
  codex: '@openai/codex@0.169.0',
} as const;

/** A real coding agent out of its npm package, for `describeNeeding`; installed when needed. */
export function realProgram(name: keyof typeof PROGRAMS) {
  const install = PROGRAMS[name];
  const command = `npm install ${install}`;
  return { name: install, path: installed(name, install), command };
}

/** Made whole or not at all, as several test runs may want it at once. */
function installed(name: string, install: string): string | null {
  const all = join(tmpdir(), 'mission-real-programs');
  const folder = join(all, install.replaceAll(/[^\w.-]+/g, '-'));
  const program = join(folder, 'node_modules', '.bin', name);
  if (existsSync(program)) return program;
  mkdirSync(all, { recursive: true });
  const making = mkdtempSync(join(all, 'making-'));
  try {
    const args = ['install', '--prefix', making, '--no-audit', '--no-fund', install];
    execFileSync('npm', args, { stdio: 'ignore', timeout: 300_000 });
    if (!existsSync(folder)) renameSync(making, folder);
  } catch {
    return null;
  }
  return existsSync(program) ? program : null;
}
