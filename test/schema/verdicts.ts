/** What a run expects of its verdict, and verdicts that give it. */
export const expected = {
  nonce: 'n-1',
  acceptance: ['It works', 'It is fast'],
  earlier: [
    { id: 'R1.1', severity: 'blocking', text: 'a' },
    { id: 'R1.2', severity: 'minor', text: 'b' },
  ],
} as const;
export const none = { nonce: 'n-1', acceptance: [], earlier: [] };

export const met = (criterion: string) => ({ criterion, result: 'met', evidence: 'npm test' });
export const fixed = [
  { issue: 'R1.1', answer: 'fixed' },
  { issue: 'R1.2', answer: 'open', note: 'later' },
];
export const approved = {
  nonce: 'n-1',
  verdict: 'APPROVED',
  summary: 'Good',
  criteria: [met('It works'), met('It is fast')],
  earlier: fixed,
};
export const blocker = { severity: 'blocking', text: 'Handle errors', file: 'src/a.ts' };
export const revision = { ...approved, verdict: 'REVISION', issues: [blocker], criteria: [] };
export const spawn = [{ title: 'Next' }];
