import { z } from 'zod';
import type { AgentType } from '../domain/agent.js';
import type { AgentId } from '../domain/ids.js';
import { isOwner } from '../domain/principal.js';
import { PRIORITIES, type TaskRequest } from '../domain/task.js';
import { acceptance, anyCase, description, line, title } from './fields.js';
import { InvalidInput, meant, parse, show, strict } from './problems.js';

/** What was asked for cannot be a task. Final: asking the same again gives the same answer. */
export class InvalidTaskInput extends InvalidInput {
  override readonly name = 'InvalidTaskInput';
}

const agentId = line(64).transform((id) => id as AgentId);

const request = strict({
  title,
  description: description.default(''),
  acceptance: acceptance.default([]),
  priority: anyCase(PRIORITIES).default('NORMAL'),
  assignee: agentId.default('implementer' as AgentId),
  reviewer: agentId.nullish(),
  reviewers: z.array(agentId).max(5).nullish(),
  repository: line(200).nullable().default(null),
  owner: z
    .string()
    .refine(isOwner, { error: 'expected who files it, such as person:ann, token:ci or agent:lead' })
    .default('person:unnamed'),
  source: line(200).nullable().default(null),
  key: line(200).nullable().default(null),
}).superRefine((input, ctx) => {
  const refuse = (field: string, message: string): void =>
    ctx.addIssue({ code: 'custom', path: [field], message });
  if (input.reviewer && input.reviewers) {
    refuse('reviewer', 'expected either reviewer or reviewers, not both');
  }
  const reviewers = input.reviewers ?? [];
  if (new Set(reviewers).size < reviewers.length) {
    refuse('reviewers', 'expected no reviewer twice');
  }
  if (input.source === null && input.key !== null)
    refuse('source', 'expected a source beside the key');
  if (input.key === null && input.source !== null)
    refuse('key', 'expected a key beside the source');
});

/** A request as any door or any Temporal client may send it. Throws `InvalidTaskInput`. */
export function parseTaskRequest(raw: unknown): TaskRequest {
  const parsed = parse(request, raw, 'input');
  if (!parsed.ok) throw new InvalidTaskInput(parsed.problems);
  const { reviewer, reviewers, ...rest } = parsed.value;
  return { ...rest, reviewers: reviewer ? [reviewer] : (reviewers ?? []) };
}

export interface RosterEntry {
  readonly id: string;
  readonly type: AgentType;
  readonly reviews: boolean;
}

/** Refuses names that nobody and nothing has, before anything is stored. */
export function checkRequest(
  asked: {
    readonly assignee: string;
    readonly reviewers: readonly string[];
    readonly repository: string | null;
  },
  roster: readonly RosterEntry[],
  repositories: readonly string[],
): void {
  const { assignee, reviewers, repository } = asked;
  const ids = roster.map(({ id }) => id);
  const reviewing = roster.filter(({ reviews }) => reviews).map(({ id }) => id);

  if (!ids.includes(assignee)) throw unknownAgent('input.assignee', assignee, ids);
  for (const [index, reviewer] of reviewers.entries()) {
    const field = reviewers.length === 1 ? 'input.reviewer' : `input.reviewers[${index}]`;
    if (!ids.includes(reviewer)) throw unknownAgent(field, reviewer, reviewing);
    if (reviewer === assignee) {
      throw refusal(field, reviewer, 'is the assignee too; nobody reviews his own work');
    }
    if (!reviewing.includes(reviewer)) {
      throw refusal(field, reviewer, `does not review; agents that do are ${list(reviewing)}`);
    }
  }
  if (repository !== null && !repositories.includes(repository)) {
    const known = `repositories are ${list(repositories)}`;
    const what = `is not a repository; ${known}${meant(repository, repositories)}`;
    throw refusal('input.repository', repository, `${what}; add one: mission repo add PATH`);
  }
}

const list = (words: readonly string[]): string => words.join(', ') || 'none yet';

const unknownAgent = (field: string, id: string, ids: readonly string[]): InvalidTaskInput =>
  refusal(field, id, `is not an agent; agents are ${list(ids)}${meant(id, ids)}`);

const refusal = (field: string, value: string, what: string): InvalidTaskInput =>
  new InvalidTaskInput([{ field, value, message: `${field}: ${show(value)} ${what}` }]);
