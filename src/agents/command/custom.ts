/** Any program that keeps the contract: told by standard input, it answers by file or output. */
import type { RunKind } from '../../domain/run.js';
import type { ProgramEnd } from '../backend.js';
import type { PresetCraft } from './preset.js';
import {
  badExit,
  brokenEnd,
  type Listener,
  parseJson,
  type Reading,
  type Spent,
  type Told,
} from './reading.js';
import { type Handed, readHanded, toHandover } from './shapes.js';

function read(end: ProgramEnd, kind: RunKind, now: number): Reading {
  const handed = handedBy(end);
  return {
    told: brokenEnd(end) ?? (handed === null ? noResult(end) : toldBy(handed, end, kind, now)),
    session: handed?.session ?? null,
    spent: handed === null ? null : spentBy(handed),
  };
}

/** The result file beats what was printed; what is no JSON is a report. */
function handedBy(end: ProgramEnd): Handed | null {
  const text = end.result ?? end.stdout;
  const value = parseJson(text);
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? readHanded(value) : { report: text, verdict: null };
}

function noResult(end: ProgramEnd): Told {
  const where = end.result === null ? 'printed' : 'wrote to MISSION_RESULT_FILE';
  const message = `what the program ${where} is no {report, unchanged?, question?, verdict?}`;
  return badExit(end) ?? { kind: 'failed', cause: 'no-result', message };
}

function toldBy(handed: Handed, end: ProgramEnd, kind: RunKind, now: number): Told {
  const bad = badExit(end);
  if (bad !== null) return bad;
  if (handed.later) {
    const { seconds, message } = handed.later;
    return { kind: 'limited', message, resetsAt: now + seconds };
  }
  const handover = toHandover(handed);
  const isEmpty = handover.report.trim() === '' && handover.question === null;
  if (isEmpty && (kind === 'EXECUTION' || handover.verdict === null)) {
    const message = 'the program ended without a result';
    return { kind: 'failed', cause: 'no-result', message };
  }
  return { kind: 'handed-over', handover, denials: [] };
}

function spentBy({ usage }: Handed): Spent | null {
  if (!usage) return null;
  const { input, output, cacheRead, cacheWrite, costUsd } = usage;
  return { usage: { input, output, cacheRead, cacheWrite }, costUsd: costUsd ?? null };
}

/** Lines are its log; JSON is its result. */
const listen = (): Listener => ({
  hear: (line, stream) =>
    stream === 'stdout' && line.trim() !== '' && typeof parseJson(line) !== 'object'
      ? [{ kind: 'log', source: stream, text: line }]
      : [],
  workTokens: () => 0,
  session: () => null,
});

const FILE = 'as one JSON object in the file that MISSION_RESULT_FILE names, or on standard output';

export const custom: PresetCraft = {
  prepare: null,
  call: ({ program }) => ({ file: program.file, args: [...program.args] }),
  environment: {},
  listen,
  answers: true,
  hasFinished: null,
  read,
  handover: {
    EXECUTION: `Hand over ${FILE}:
{"report": "…", "unchanged"?: "why nothing was changed", "question"?: "what a person must answer
first", "usage"?: {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0, "costUsd"?: 0},
"later"?: {"seconds": 3600, "message": "why"}, "session"?: "…"}`,
    REVIEW: `Hand over ${FILE}:
{"report": "…", "verdict": {…as above}, "usage"?: {"input": 0, "output": 0}}`,
  },
};
