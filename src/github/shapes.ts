/** The parts of answers that are read, checked: other servers of this kind leave some out. */
import { z } from 'zod';
import { clean } from '../domain/text.js';

/** What is kept of a text: the rest is behind its link. */
const text = z.string().transform((whole) => clean(whole.slice(0, 8_000)));

const user = z.object({ login: z.string(), type: z.string().default('User') }).nullish();

export const pull = z.object({
  number: z.number(),
  html_url: z.string(),
  state: z.enum(['open', 'closed']),
  merged: z.boolean().default(false),
  merged_by: user,
  merge_commit_sha: z.string().nullish(),
  mergeable: z.boolean().nullish(),
  head: z.object({ sha: z.string(), ref: z.string() }),
});

export const pulls = z.array(
  pull
    .pick({ number: true, html_url: true, head: true, state: true })
    .extend({ merged_at: z.string().nullish() }),
);

export const issue = z.object({ closed_by: user });

const says = {
  id: z.number(),
  html_url: z.string(),
  body: text.nullish(),
  user,
  author_association: z.string().default('NONE'),
};

export const comments = z.array(z.object({ ...says, created_at: z.string() }));

export const reviewComments = z.array(
  z.object({
    ...says,
    created_at: z.string(),
    path: z.string(),
    line: z.number().nullish(),
    diff_hunk: text.nullish(),
  }),
);

export const reviews = z.array(
  z.object({ ...says, state: z.string(), submitted_at: z.string().nullish() }),
);

export const checkRuns = z.object({
  check_runs: z.array(
    z.object({
      id: z.number(),
      name: z.string(),
      status: z.string(),
      conclusion: z.string().nullish(),
      html_url: z.string().nullish(),
      completed_at: z.string().nullish(),
      output: z.object({ title: text.nullish(), summary: text.nullish() }).nullish(),
    }),
  ),
});

export const statuses = z.object({
  statuses: z.array(
    z.object({
      id: z.number(),
      context: z.string(),
      state: z.string(),
      description: text.nullish(),
      target_url: z.string().nullish(),
      updated_at: z.string(),
    }),
  ),
});

export const repository = z.object({
  full_name: z.string(),
  archived: z.boolean().default(false),
  permissions: z.object({ push: z.boolean().default(false) }).nullish(),
});
