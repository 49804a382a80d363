/**
 * Mirrors, working copies, commands in them, and landing. Knows git and files; not Temporal, not
 * the database.
 */
import { readdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { isAbsolute } from 'node:path';
import { type CheckRequest, runChecks } from './checks.js';
import { listCopies, listMirrors, removeCopy, removeMirror } from './cleanup.js';
import { archive, diff, mergeBase } from './content.js';
import { type CopyRequest, ensureFolder, ensureGit, openCopy } from './copy.js';
import { createGit, type GitSettings } from './git.js';
import { guides } from './guides.js';
import { keep } from './keep.js';
import { type LandingRequest, land } from './landing.js';
import { checkCopies, listFiles, readText } from './look.js';
import { withLooseCopy } from './loose-copy.js';
import type { Copy } from './marker.js';
import { dropRefs, refresh, repositorySource, tidyMirror, type Workshop } from './mirror.js';
import { branchName, homePath, homesPath, type Repository, type Source } from './names.js';
import { probeRepository } from './probe.js';
import { type CommandRequest, killOrphans, listMarked, runCommand, runMark } from './process.js';
import { findClash, originOf, type PublishRequest, publish } from './publish.js';
import { createSandbox, type SandboxSettings } from './sandbox/index.js';
import type { ProgramRequest } from './sandbox/program.js';
import { dropSetupsOf, tidySetups } from './setup/cache.js';
import { type PrepareRequest, prepareCopy } from './setup/index.js';
import type { RegistryVariables } from './setup/registries.js';
import { type SnapshotOptions, snapshot } from './snapshot.js';

export { CheckNotStarted } from './checks.js';
export type { CopyRequest } from './copy.js';
export * from './errors.js';
export type { Landing, LandingRequest } from './landing.js';
export type { Copy } from './marker.js';
export { EMPTY_ROOT, type Repository, type Source } from './names.js';
export type { SandboxState } from './sandbox/index.js';
export type { SnapshotOptions } from './snapshot.js';

export interface WorkspaceSettings extends GitSettings, SandboxSettings {
  /** Where packages come from, beside the public registries. */
  registries?: RegistryVariables;
}

/** A command, and whether a person wrote it. */
export interface CommandInCopy extends Omit<CommandRequest, 'searchPath'> {
  /** Only what a person wrote, as a scenario, is run without a sandbox. */
  trusted?: boolean;
}

/** All verbs of the workspace, bound to one home. */
export type Workspaces = ReturnType<typeof createWorkspaces>;

/**
 * Binds the workspace to a home folder. Its folders are made when they are needed.
 * @param settings.searchPath the PATH by which git and the agents' commands are found
 */
export function createWorkspaces(settings: WorkspaceSettings) {
  const { home, searchPath } = settings;
  if (!isAbsolute(home)) throw new TypeError(`home must be an absolute path, not ${home}`);
  const workshop = { home, git: createGit(settings) };
  const { git } = workshop;
  const sandbox = createSandbox(settings);
  const yard = { ...workshop, sandbox, searchPath, registries: settings.registries ?? null };
  return {
    /** See `probeRepository`. */
    probe: (location: string, branch?: string) => probeRepository(git, location, branch),
    /** Brings the mirror up to date; returns the base commit for new work. */
    refresh: (repository: Repository, branch: string, signal?: AbortSignal) =>
      refresh(workshop, repository, branch, signal),
    /** The source of a registered repository. */
    source: repositorySource,
    /** All paths of a commit. */
    listFiles: (source: Source, commit: string) => listFiles(workshop, source, commit),
    readText: (source: Source, commit: string, path: string) =>
      readText(workshop, source, commit, path),
    checkCopies,
    openCopy: (request: CopyRequest) => openCopy(workshop, request),
    /** See `withLooseCopy`. */
    withLooseCopy: <T>(
      request: { source: Source; from: string; signal?: AbortSignal | undefined },
      work: (copy: Copy) => Promise<T>,
    ) => withLooseCopy(workshop, request, work),
    /** Gives a fresh copy its dependencies and the person's files: see `prepareCopy`. */
    prepare: (request: PrepareRequest) => prepareCopy(yard, request),
    /** Runs the checks of a repository on a prepared copy. */
    check: (request: CheckRequest) => runChecks(yard, request),
    /** Makes the folder of a copy that begins empty, for an effect that runs no command. */
    ensureFolder: (copy: Copy) => ensureFolder(workshop, copy),
    snapshot: (copy: Copy, message: string, options?: SnapshotOptions) =>
      snapshot(workshop, copy, message, options),
    /** The same without what no result may hold, which is told: see `keep`. */
    keep: (copy: Copy, message: string, options?: SnapshotOptions) =>
      keep(workshop, copy, message, options),
    diff: (source: Source, base: string, commit: string) => diff(workshop, source, base, commit),
    mergeBase: (source: Source, one: string, other: string) =>
      mergeBase(workshop, source, one, other),
    /** What the repository tells agents, as a commit has it; see `guides`. */
    guides: (source: Source, commit: string, folder: string | null) =>
      guides(workshop, source, commit, folder),
    archive: (source: Source, commit: string) => archive(workshop, source, commit),
    /** Runs a command: in the sandbox, unless it is trusted. */
    async run({ trusted = false, ...request }: CommandInCopy) {
      await ensureGit(workshop, request.copy);
      const command = { ...request, searchPath };
      return trusted ? await runCommand(command) : await sandbox.run(command);
    },
    /** Starts an agent's own program, in the sandbox. */
    async start(request: ProgramRequest) {
      await ensureGit(workshop, request.copy);
      return await sandbox.start(request);
    },
    /** What agents' programs run in, tried once. */
    sandbox: () => sandbox.state(),
    runMark,
    killOrphans,
    listMarked,
    land: (request: LandingRequest) => land(workshop, request),
    ...publishing(workshop),
    ...tidying(workshop),
  };
}

/** The verbs by which work comes to where a repository was cloned from. */
const publishing = (workshop: Workshop) => ({
  /** What a repository was cloned from; see `originOf`. */
  origin: (location: string) => originOf(workshop, location),
  publish: (request: PublishRequest) => publish(workshop, request),
  findClash: (request: Parameters<typeof findClash>[1]) => findClash(workshop, request),
  branchOf: branchName,
});

/** The verbs by which nothing stays that nobody needs. */
function tidying(workshop: Workshop) {
  const { home } = workshop;
  return {
    /** Removes a copy when its run is over; harmless when it is gone. */
    dropCopy: (copy: Pick<Copy, 'name'>) => removeCopy(home, copy.name),
    /** Lets go of a task's snapshots, after its end and retention. */
    dropRefs: (source: Source, taskId: string) => dropRefs(workshop, source, taskId),
    /** Lets go of the setups that were made for a task alone, after its end. */
    dropSetups: (taskId: string) => dropSetupsOf(home, taskId),
    /** Removes setups that are old or too many. For upkeep, now and then. */
    tidySetups: () => tidySetups(home),
    listCopies: () => listCopies(home),
    isOfThisMachine: (copy: Pick<Copy, 'host'>) => copy.host === hostname(),
    /** Lets go of the sessions of a run's programs, when it has ended; harmless when done twice. */
    dropHome: (runId: string) => rm(homePath(home, runId), { recursive: true, force: true }),
    /** The runs whose programs have a home folder. */
    listHomes: () => readdir(homesPath(home)).catch((): string[] => []),
    listMirrors: () => listMirrors(home),
    removeMirror: (source: Source) => removeMirror(home, source),
    tidyMirror: (source: Source) => tidyMirror(workshop, source),
  };
}
