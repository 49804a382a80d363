import type { BannedWord } from './house-rules.js';

const isTest = (path: string): boolean => path.startsWith('test/');
const isScript = (path: string): boolean => path.startsWith('scripts/');
/** Put together, since comments and strings are searched for these. */
const unfinishedWords = ['TO-DO', 'FIX-ME', 'X-XX'].map((word) => word.replace('-', ''));
const UNFINISHED = new RegExp(`\\b(?:${unfinishedWords.join('|')})\\b`);
const anywhere = (): boolean => true;

/**
 * Words that tell of a broken rule. Each is planted once, to show that it is found; where it would
 * be found in this very file, it is put together from pieces.
 */
export const BANNED: readonly BannedWord[] = [
  {
    name: 'the type any: say what it is, or unknown',
    pattern: /(?:[:<|&]|\bas|=>?)\s*any\b(?!\s*[:(.])|,\s*any\s*[>,]|\bany\[\]/,
    where: anywhere,
    planted: ['src/cli/x.ts', 'const parse = (text: string): any => JSON.parse(text);'],
  },
  {
    name: 'the environment is read by src/config.ts alone',
    pattern: /\bprocess\s*(?:\.\s*env\b|\[)|\{[^}]*\benv\b[^}]*\}\s*=\s*process\b/,
    where: (path) => path !== 'src/config.ts' && !isTest(path) && !isScript(path),
    planted: ['src/agents/x.ts', 'const home = process.env.HOME;'],
  },
  {
    name: 'the environment is read by src/config.ts alone: import no env',
    pattern: /import\s*\{[^}]*\benv\b[^}]*\}\s*from/,
    where: (path) => path !== 'src/config.ts' && !isTest(path) && !isScript(path),
    planted: ['src/agents/x.ts', "import { env } from 'node:process';"],
  },
  {
    name: 'a write is one statement; what must be atomic is a SQL function',
    pattern: /\b(?:sql|tx)\s*\.\s*(?:begin|savepoint|unsafe)\b|\.\s*transaction\s*[(<]/,
    where: (path) => !isTest(path) && path !== 'drizzle/migrate.ts',
    planted: ['drizzle/x.ts', 'await sql.begin(async (tx) => tx`select 1`);'],
  },
  {
    name: 'no clock and no chance here: time and ids are arguments',
    pattern: /\bDate\s*\.\s*now\b|\bnew\s+Date\s*(?:\(\s*\)|;)|\bMath\s*\.\s*random\b/,
    where: (path) => path.startsWith('src/domain/') || path.startsWith('workflows/'),
    planted: ['src/domain/x.ts', 'const startedAt = new Date();'],
  },
  {
    name: 'what is printed goes through src/cli/print.ts, where nothing of it steers the terminal',
    pattern: /\bstd(?:out|err)\s*\.\s*write\b|\bconsole\s*[.[]/,
    where: (path) =>
      /^(?:src|activities|drizzle|workflows)\//.test(path) && path !== 'src/cli/print.ts',
    planted: ['src/cli/x.ts', 'process.stdout.write(title);'],
  },
  {
    name: 'unfinished work belongs into an issue',
    pattern: UNFINISHED,
    where: anywhere,
    everywhere: true,
    planted: ['scripts/x.mjs', `// ${'TO'}${'DO'}: later`],
  },
  {
    name: 'no test is left out or runs alone; what it may lack is declared by describeNeeding',
    pattern:
      /\b(?:describe|test|it|suite)\s*\.\s*(?:only|skip|skipIf|runIf|todo|fails)\b|\.\s*skip\s*\(/,
    where: (path) => isTest(path) && path !== 'test/support/needs.ts',
    planted: ['test/x.test.ts', "describe.only('x', () => {});"],
  },
  {
    name: 'a test waits for an event or a condition, never for a time to pass',
    pattern: /await\s+(?:sleep|delay|pause|setTimeout)\s*\(\s*[\d_]{4,}/,
    where: (path) => path.endsWith('.test.ts'),
    planted: ['test/x.test.ts', 'await sleep(5_000);'],
  },
];
