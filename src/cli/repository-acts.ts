import { type Baseline, isGreen, type LandingMode, type Recipe } from '../domain/repository.js';
import { visible } from '../domain/text.js';
import type {
  Examined,
  Measurable,
  Measured,
  Progress,
  RepositoryChange,
  RepositoryDetails,
  Wishes,
} from '../service/index.js';
import type { ServiceStage } from './act.js';
import { EXIT, UsageError } from './exit.js';
import { NO_WHY } from './policy.js';
import { chooseRecipe } from './repository-recipe.js';
import {
  BASELINE_RED,
  checkLine,
  detailsText,
  landsIn,
  linesOf,
  tailOf,
} from './repository-text.js';
import type { OutputOptions } from './terminal.js';
import { type ReasonOptions, reasonOf } from './with-output.js';

/** `false`: a person said that there is none. */
interface RecipeOptions extends OutputOptions {
  readonly setup?: string | false;
  readonly check?: readonly string[] | false;
  readonly copy?: readonly string[] | false;
  readonly folder?: string;
  readonly allowInstallScripts?: boolean;
  readonly land?: LandingMode;
  readonly target?: string;
  readonly run: boolean;
  readonly force?: boolean;
}

export interface AddOptions extends RecipeOptions {
  readonly name?: string;
  readonly yes?: boolean;
}

export interface SetOptions extends RecipeOptions, ReasonOptions {}

/** Looks, proposes, asks, runs it once, and adds; nothing stays of what is not added. */
export async function addWith(
  stage: ServiceStage,
  location: string,
  options: AddOptions,
): Promise<number | undefined> {
  const { service, terminal, interrupted } = stage;
  const wishes = wishesOf(options);
  const { name, target, land: landing } = options;
  const given = { location, name, target, landing, wishes };
  if (terminal.isTty) terminal.say('looking at it; a large one takes a while the first time …');
  const examined = await service.repositories.examine(given, interrupted);
  let isAdded = false;
  try {
    const recipe = await chooseRecipe(terminal, examined.proposal, wishes, options.yes === true);
    if (recipe === null) {
      terminal.say('nothing was added');
      return EXIT.failed;
    }
    const found = options.run ? await measureIn(stage, { ...examined, recipe }) : null;
    if (found?.kind === 'setup-failed' && options.force !== true) {
      return refuse(stage, found, recipe, 'nothing was added');
    }
    const details = await service.repositories.add(examined, recipe, baselineOf(found));
    isAdded = true;
    tellAdded(stage, examined, details);
    return undefined;
  } finally {
    if (!isAdded) await service.repositories.forget(examined);
  }
}

function tellAdded({ terminal }: ServiceStage, examined: Examined, details: RepositoryDetails) {
  const { name, location, landing, target } = details;
  const lands = landsIn(landing, target);
  const { commit, proposal } = examined;
  const document = { ...details, commit, proposedFrom: proposal.from };
  terminal.answer(`added ${name} (${visible(location)}); results land ${lands}`, document);
  if (details.recipe.checks.length === 0) {
    const command = `mission repo set ${name} --check "npm test"`;
    terminal.say(`without a check only reviewers judge the work; add one: ${command}`);
  }
  terminal.hint([`mission task create "Title" --repo ${name}`]);
}

/** Runs setup and checks on the target as it is now, and keeps what comes out. */
export async function checkAgain(stage: ServiceStage, name: string): Promise<number | undefined> {
  const { service, terminal, interrupted } = stage;
  const { repository, recipe, commit } = await service.repositories.examineChange(
    name,
    {},
    interrupted,
  );
  const found = await measureIn(stage, { ...repository, recipe, commit });
  if (found?.kind === 'setup-failed') return refuse(stage, found, recipe, 'nothing was stored');
  const baseline = baselineOf(found);
  if (baseline === null) {
    terminal.say(`${name} has neither setup nor checks; mission repo set ${name} --check COMMAND`);
  } else {
    await service.repositories.keepBaseline(repository, recipe, baseline);
  }
  const details = await service.repositories.show(name);
  terminal.answer(detailsText(details, terminal), details);
  return undefined;
}

/** Tries a change as `add` does, and makes it when its setup holds. */
export async function setWith(
  stage: ServiceStage,
  name: string,
  options: SetOptions,
): Promise<number | undefined> {
  const { service, terminal, interrupted } = stage;
  const change = changeOf(options);
  const examined = await service.repositories.examineChange(name, change, interrupted);
  const { repository, recipe, commit, recipeChanges } = examined;
  const measures = recipeChanges && options.run;
  const found = measures ? await measureIn(stage, { ...repository, recipe, commit }) : null;
  if (found?.kind === 'setup-failed' && options.force !== true) {
    return refuse(stage, found, recipe, 'nothing was changed');
  }
  const why = reasonOf(options) ?? NO_WHY;
  const changed = await service.repositories.change(name, change, why);
  const baseline = baselineOf(found);
  if (baseline !== null) await service.repositories.keepBaseline(repository, recipe, baseline);
  const details = await service.repositories.show(name);
  terminal.answer(detailsText(details, terminal), { ...details, changed });
  if (!changed) terminal.say('it was so already');
  return undefined;
}

function changeOf(options: SetOptions): RepositoryChange {
  const recipe = wishesOf(options);
  const { land, target } = options;
  const change = {
    ...(Object.keys(recipe).length > 0 && { recipe }),
    ...(land !== undefined && { landing: land }),
    ...(target !== undefined && { target }),
  };
  if (Object.keys(change).length > 0) return change;
  throw new UsageError('say what shall change: --setup, --check, --folder, --copy, --land, …');
}

function wishesOf(options: RecipeOptions): Wishes {
  const { setup, check, copy, folder, allowInstallScripts: installScripts } = options;
  for (const command of [setup, ...(check || [])]) {
    if (typeof command === 'string' && command.trim() === '') {
      throw new UsageError('an empty command does nothing; --no-setup and --no-check say "none"');
    }
  }
  return {
    ...(setup !== undefined && { setup: setup || null }),
    ...(check !== undefined && { checks: check || [] }),
    ...(copy !== undefined && { copies: (copy || []).map(fromRoot) }),
    ...(folder !== undefined && { folder: fromRoot(folder) }),
    ...(installScripts !== undefined && { installScripts }),
  };
}

/** As git writes a path: `./docs/` is `docs`, and the root is empty. */
const fromRoot = (path: string): string => path.replace(/^(\.\/+|\.$)/, '').replace(/\/+$/, '');

/** Runs setup and checks where there are some, and says of each how it ended as it ends. */
async function measureIn(
  { service, terminal, interrupted }: ServiceStage,
  given: Measurable,
): Promise<Measured | null> {
  const { setup, checks } = given.recipe;
  if (setup === null && checks.length === 0) return null;
  const { id, location, commit, recipe } = given;
  terminal.quote(`on commit ${commit.slice(0, 12)}, in the sandbox:`);
  const onProgress = (progress: Progress) => {
    const text = progressText(progress, terminal);
    if (text !== null) terminal.quote(text);
  };
  const request = { id, location, commit, recipe };
  const found = await service.repositories.measure(request, { signal: interrupted, onProgress });
  const isRed = found.kind === 'measured' && !found.baseline.checks.every(isGreen);
  if (isRed) {
    terminal.say(`${BASELINE_RED}: it fails before any work; no agent is sent back because of it`);
  }
  return found;
}

/** Whoever sits there sees what is printed as it comes; a log is told the end of what is red. */
function progressText(progress: Progress, terminal: ServiceStage['terminal']): string | null {
  const { errorColors, isTty } = terminal;
  switch (progress.kind) {
    case 'setup':
    case 'check':
      return errorColors.dim(`  ${visible(progress.command)} …`);
    case 'line':
      return isTty ? errorColors.dim(linesOf(progress.text)) : null;
    case 'ready':
      return `  ${errorColors.green('ready')}         ${visible(progress.command)}${
        progress.cached ? ' (from the cache)' : ''
      }`;
    case 'checked': {
      const { result } = progress;
      const line = `  ${checkLine(result, errorColors)}`;
      return isGreen(result) || isTty ? line : `${line}\n${tailOf(result.output)}`;
    }
    default:
      return progress satisfies never;
  }
}

/** A setup that fails would fail for every task: nobody is paid for that. */
function refuse(
  { terminal }: ServiceStage,
  { output }: Extract<Measured, { kind: 'setup-failed' }>,
  { setup }: Recipe,
  what: string,
): number {
  const { colors } = terminal;
  const title = `${colors.red('setup failed')}  ${visible(setup ?? '')}`;
  const document = { error: 'setup-failed', setup, output };
  terminal.answer([title, tailOf(output), what].join('\n'), document);
  terminal.say('another one: --setup COMMAND, none: --no-setup, this one all the same: --force');
  return EXIT.failed;
}

const baselineOf = (found: Measured | null): Baseline | null =>
  found?.kind === 'measured' ? found.baseline : null;
