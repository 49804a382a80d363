import type { RunBrief } from '../drizzle/steps.js';
import type { Guide } from '../src/domain/prompts.js';
import type { Workplace } from './attempt.js';
import type { Deps } from './deps.js';

/**
 * What the repository says of how it is worked on: of its base branch, never of the work, which
 * could tell the next agent what it likes.
 */
export async function guidesFor(
  { workspaces }: Pick<Deps, 'workspaces'>,
  { repository }: Pick<RunBrief, 'repository'>,
  { source, base }: Pick<Workplace, 'source' | 'base'>,
): Promise<Guide[]> {
  return repository === null ? [] : workspaces.guides(source, base, repository.recipe.folder);
}
