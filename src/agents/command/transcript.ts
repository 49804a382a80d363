import { z } from 'zod';

const count = z.number();

/** What a run keeps between two calls of its program. */
const transcript = z.strictObject({
  /** By which the program finds its own session again. */
  session: z.string().nullable(),
  /** What that session had used up by then. */
  spent: z
    .strictObject({
      usage: z.strictObject({ input: count, output: count, cacheRead: count, cacheWrite: count }),
      costUsd: z.number().nullable(),
    })
    .nullable(),
  /** The whole text of all commands and their output. */
  commands: z.string(),
  /** The content of the files when the run began; null: that is not known. */
  began: z.string().nullable().default(null),
  /** Whether an earlier call of this run has changed a file. */
  changed: z.boolean(),
  /** The question that a person is to answer. */
  asked: z.string().nullable(),
  /** How it ended, where it did: it is not done twice. */
  ended: z.strictObject({ report: z.string(), verdict: z.unknown() }).nullable(),
});
export type Transcript = z.output<typeof transcript>;

const FRESH: Transcript = {
  ...{ session: null, spent: null, commands: '', began: null, changed: false },
  ...{ asked: null, ended: null },
};

/** Throws where it was not written here: that is a defect. */
export const readTranscript = (resume: { readonly transcript: unknown } | null): Transcript =>
  resume === null ? FRESH : transcript.parse(resume.transcript);
