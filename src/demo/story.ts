/** What the demo's scripted agents do: real edits, real commands, real reports. */

const PAGED = `/** One page of the items whose name holds the query. */
export function search(items, query, { page = 1, size = items.length } = {}) {
  const found = items.filter(({ name }) => name.includes(query));
  return found.slice((page - 1) * size, page * size);
}
`;

const CHECKED = `/** One page of the items whose name holds the query. Pages count from 1. */
export function search(items, query, { page = 1, size = items.length || 1 } = {}) {
  for (const [name, value] of Object.entries({ page, size })) {
    if (!Number.isInteger(value) || value < 1) {
      throw new RangeError(\`\${name}: expected a whole number from 1 up, got \${value}\`);
    }
  }
  const found = items.filter(({ name }) => name.includes(query));
  return found.slice((page - 1) * size, page * size);
}
`;

const BAD_PAGES = `import assert from 'node:assert/strict';
import test from 'node:test';
import { search } from './search.js';

test('refuses a page that cannot be', () => {
  for (const page of [0, -1, 1.5]) {
    assert.throws(() => search([], 'a', { page, size: 2 }), RangeError);
  }
});
`;

const CHECKS = ['node --test --test-reporter=dot'];
const tokens = { input: 1200, output: 300 };

export const TITLES = {
  pagination: 'Implement search pagination',
  lead: 'Plan the next steps for search',
  docs: 'Document the search function',
  changelog: 'Write a changelog entry for pagination',
  note: 'Research note',
  benchmark: 'Measure how fast search is',
} as const;

const turn = (delayMs: number, file: string, content: string, commands: string[] = []) => ({
  delayMs,
  files: { [file]: content },
  commands,
  tokens,
});

const pagination = {
  match: { title: TITLES.pagination },
  executions: [
    {
      turns: [
        { commands: ['node --test --test-reporter=dot; true'], tokens },
        { files: { 'search.js': PAGED }, commands: CHECKS, tokens },
      ],
      report: 'Missing error handling\n\nPages work and the failing test passes now.',
    },
    {
      turns: [
        { files: { 'search.js': CHECKED, 'pages.test.js': BAD_PAGES }, commands: CHECKS, tokens },
      ],
      report:
        'Error handling added\n\nA page or size that is no whole number from 1 up is refused.',
    },
  ],
  reviews: [
    {
      turns: [{ commands: CHECKS, tokens }],
      verdict: {
        verdict: 'REVISION',
        summary: 'Add error handling',
        issues: [
          {
            severity: 'blocking',
            file: 'search.js',
            text: 'Add error handling: page 0 gives an empty page and page -1 the wrong items.',
          },
          { severity: 'minor', text: 'Say in the comment that pages count from 1.' },
        ],
      },
    },
    { turns: [{ commands: CHECKS, tokens }], verdict: { verdict: 'APPROVED', summary: 'Good' } },
  ],
};

const lead = {
  match: { title: TITLES.lead },
  executions: [
    {
      turns: [turn(0, 'ROADMAP.md', '# Next\n\n1. Sort by relevance.\n2. Ignore case.\n')],
      report: 'Two steps proposed in ROADMAP.md',
    },
  ],
  reviews: [{ verdict: { verdict: 'APPROVED', summary: 'Clear and small' } }],
};

const docs = {
  match: { title: TITLES.docs },
  executions: [
    {
      turns: [turn(0, 'README.md', '# tiny-search\n\n`search(items, query)` filters.\n')],
      report: 'README written',
    },
    {
      turns: [
        turn(0, 'README.md', '# tiny-search\n\n`search(items, query, { page: 2, size: 10 })`\n'),
      ],
      report: 'README shows pages',
    },
  ],
  reviews: [
    {
      verdict: {
        verdict: 'REVISION+SPAWN',
        summary: 'Show how to ask for a page',
        issues: [{ severity: 'blocking', file: 'README.md', text: 'Show how to ask for a page.' }],
        spawn: [{ title: TITLES.changelog, description: 'People should hear of pagination.' }],
      },
    },
    { verdict: { verdict: 'APPROVED', summary: 'Says all' } },
  ],
};

const changelog = {
  match: { title: TITLES.changelog },
  executions: [
    {
      turns: [turn(0, 'CHANGELOG.md', '# Changes\n\n- Search results come in pages.\n')],
      report: 'Changelog entry written',
    },
  ],
};

const notes = {
  match: { titlePattern: `^${TITLES.note} \\d+$` },
  executions: [{ turns: [turn(800, 'note.md', 'What was found.\n')], report: 'Note written' }],
};

const benchmark = {
  match: { title: TITLES.benchmark },
  executions: [
    {
      turns: [1, 2, 3, 4].map((step) => turn(500, `bench/step-${step}.txt`, `step ${step}\n`)),
      report: 'Benchmark made in four steps',
    },
  ],
  reviews: [
    {
      turns: [1, 2, 3, 4].map((step) => ({ delayMs: 500, say: `reading step ${step}`, tokens })),
      verdict: { verdict: 'APPROVED', summary: 'All four steps are there' },
    },
  ],
};

/** The scenario file that the demo's worker reads. */
export const STORY = {
  name: 'demo',
  tasks: [pagination, lead, docs, changelog, notes, benchmark],
};
