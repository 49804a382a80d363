import { describe, expect, it } from 'vitest';
import { embeddedScript, parseScenario, scriptFor } from '../../src/agents/scenario.js';

const parse = (tasks: unknown): unknown =>
  parseScenario('demo.json', JSON.stringify({ name: 'demo', tasks }));
const execution = (script: object): unknown[] => [
  { match: { title: 'x' }, executions: [{ report: 'Done.', ...script }] },
];
const review = (script: object): unknown[] => [{ match: { title: 'x' }, reviews: [script] }];

describe('a scenario that cannot be read', () => {
  it.each([
    ['no JSON', '{', /^demo\.json: is not JSON: SyntaxError/],
    ['no object', '[]', /^demo\.json: the whole: .*expected object.*\(found \[\]\)$/],
    ['no name', '{"tasks":[]}', /^demo\.json: name: .*expected string.*\(found nothing\)$/],
  ])('names the file: %s', (_, content, message) => {
    expect(() => parseScenario('demo.json', content)).toThrow(message);
  });

  const first = 'demo.json: tasks[0]';
  it.each([
    [
      'a mistyped field',
      execution({ report: 'x', raport: 'y' }),
      `${first}.executions[0].raport: `,
      '(found "y")',
    ],
    [
      'a missing report',
      execution({ report: undefined }),
      `${first}.executions[0].report: `,
      'nothing',
    ],
    ['turns no list', execution({ turns: 'x' }), `${first}.executions[0].turns: `, '"x"'],
    [
      'tokens below 0',
      execution({ turns: [{ tokens: { input: -1, output: 1 } }] }),
      'input: ',
      '-1',
    ],
    [
      'a path out',
      execution({ turns: [{ files: { 'a/../../b': 'x' } }] }),
      'files["a/../../b"]: ',
      'inside',
    ],
    [
      'an absolute path',
      execution({ turns: [{ files: { '/etc/x': 'x' } }] }),
      'files["/etc/x"]: ',
      'inside',
    ],
    [
      'an unknown verdict',
      review({ verdict: { verdict: 'OK', summary: 's' } }),
      'verdict: ',
      '"OK"',
    ],
    ['a verdict of an execution', execution({ verdict: {} }), 'executions[0].verdict: ', '{}'],
    [
      'garbage of an execution',
      execution({ faults: { garbageOnce: 1 } }),
      'faults.garbageOnce: ',
      '(found 1)',
    ],
    [
      'a fault that never comes',
      execution({ faults: { hangAtTurn: 2 } }),
      'hangAtTurn: ',
      'turn 2',
    ],
    ['an exit after the end', execution({ faults: { exitWorker: 1 } }), 'exitWorker: ', 'turn 1'],
    ['a match of nothing', [{ match: {} }], `${first}.match: `, 'title or titlePattern'],
    ['a match of both', [{ match: { title: 'a', titlePattern: 'b' } }], 'match: ', 'either'],
    ['a broken pattern', [{ match: { titlePattern: '(' } }], 'titlePattern: ', '"("'],
  ])('names field and value: %s', (_, tasks, field, value) => {
    expect(() => parse(tasks)).toThrow(field);
    expect(() => parse(tasks)).toThrow(value);
  });

  it('names every mistake, and says how much of a long value it shows', () => {
    const tasks = execution({ turns: 'y'.repeat(1000), faults: { neverStop: 'no' } });
    expect(() => parse(tasks)).toThrow(/turns: .*… of 1002 characters\)\n.*faults\.neverStop/);
  });
});

describe('the script for a task', () => {
  const scenario = parseScenario(
    'demo.json',
    JSON.stringify({
      name: 'demo',
      tasks: [
        { match: { title: 'Paint' }, executions: [{ report: 'exact' }] },
        { match: { titlePattern: '^Pa.nt \\d+$' }, executions: [{ report: 'pattern' }] },
        { match: { titlePattern: 'Paint' }, executions: [{ report: 'second' }] },
      ],
    }),
  );
  it.each([
    ['Paint', 'exact'],
    ['Paint 12', 'pattern'],
    ['Painting', 'second'],
    ['paint', undefined],
  ])('%s: %s', (title, report) => {
    expect(scriptFor(title, scenario)?.executions[0]?.report).toBe(report);
  });
});

describe('a scenario inside a description', () => {
  const json = JSON.stringify({ executions: [{ report: 'Uses ```fences``` itself.' }] }, null, 2);
  it.each([
    ['several lines', `Do it.\n\n\`\`\`scenario\n${json}\n\`\`\`\nThanks.`],
    ['Windows lines', `Do it.\r\n\`\`\`scenario\r\n${json}\r\n\`\`\`\r\n`],
    ['one line', '```scenario {"executions":[{"report":"Uses ```fences``` itself."}]}```'],
  ])('is found: %s', (_, description) => {
    expect(embeddedScript(description)?.executions[0]?.report).toBe('Uses ```fences``` itself.');
  });

  it.each(['', 'a scenario', '```json\n{}\n```', 'say ```scenario``` here'])(
    'is not: %j',
    (text) => {
      expect(embeddedScript(text)).toBeNull();
    },
  );

  it.each([
    ['never closed', '```scenario\n{}', 'never closed'],
    ['two', '```scenario\n{}\n```\n```scenario\n{}\n```', 'there are 2'],
    ['wrong', '```scenario\n{"reviews":3}\n```', "the description's scenario block: reviews: "],
  ])('is refused, not passed over: %s', (_, description, message) => {
    expect(() => embeddedScript(description)).toThrow(message);
  });
});
