import type { Recipe } from '../domain/repository.js';
import { visible } from '../domain/text.js';
import type { Examined, Wishes } from '../service/index.js';
import { pairs, recipeRows } from './repository-text.js';
import type { Terminal } from './terminal.js';

/**
 * What a person has said, completed by what is proposed; where a person sits there, after a
 * question. null: he would rather not.
 */
export async function chooseRecipe(
  terminal: Terminal,
  proposal: Examined['proposal'],
  wishes: Wishes,
  isSettled: boolean,
): Promise<Recipe | null> {
  const { setup, checks, folder } = proposal;
  const proposed = { setup, checks, folder, installScripts: false, copies: [], ...wishes };
  const isProposed = wishes.setup === undefined || wishes.checks === undefined;
  tellProposal(terminal, proposal, proposed, isProposed);
  if (isSettled || !isProposed) return proposed;
  for (;;) {
    const answer = await terminal.ask('Take this? [Y/n/e]  (n: stop, e: enter others) ');
    if (answer === null || /^(y(es)?)?$/i.test(answer)) return proposed;
    if (/^no?$/i.test(answer)) return null;
    if (/^e(dit)?$/i.test(answer)) return await enter(terminal, proposed);
  }
}

function tellProposal(
  terminal: Terminal,
  { from, others, hints }: Examined['proposal'],
  recipe: Recipe,
  isProposed: boolean,
): void {
  const { errorColors } = terminal;
  if (isProposed) {
    const source = from.length === 0 ? 'its files propose nothing:' : `from ${from.join(', ')}:`;
    terminal.quote(visible(source));
  }
  for (const line of pairs(recipeRows(recipe), errorColors)) terminal.quote(`  ${line}`);
  if (others.length > 0) {
    terminal.quote(visible(`  other projects in it: ${others.join(', ')}; choose with --folder`));
  }
  if (recipe.checks.length === 0 && hints.length > 0) {
    terminal.quote(visible(`  its CI runs: ${hints.join('; ')}; take one with --check`));
  }
}

/** Asks for each; an answer that is empty ends, as there is none. */
async function enter(terminal: Terminal, before: Recipe): Promise<Recipe> {
  const setup = await terminal.ask('Setup (empty: none): ');
  const checks: string[] = [];
  for (;;) {
    const check = await terminal.ask(`Check ${checks.length + 1} (empty: no more): `);
    if (check === null || check === '') break;
    checks.push(check);
  }
  return { ...before, setup: setup === null || setup === '' ? null : setup, checks };
}
