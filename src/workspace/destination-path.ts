import { dirname } from 'node:path';
import type { Destination, Move, MoveRequest } from './destination.js';
import { GitError, RepositoryError } from './errors.js';
import type { GitCall, Owner } from './git.js';
import { readRef, repositorySource, type Workshop } from './mirror.js';
import { mirrorPath, type Repository } from './names.js';
import { findOwner } from './owner.js';
import { type Checkout, inTheWay, listCheckouts, userOf } from './worktree.js';

/** A person's repository on this machine, and as whom git works in it. */
export interface PersonsRepository {
  workshop: Workshop;
  location: string;
  gitDir: string;
  owner: Owner | undefined;
}

/**
 * A repository that is reached by its path.
 * @throws RepositoryError when it is no longer there
 */
export async function pathDestination(
  workshop: Workshop,
  repository: Repository,
): Promise<Destination> {
  const persons = await open(workshop, repository.location);
  const mirror = mirrorPath(workshop.home, repositorySource(repository));
  return {
    tip: (ref) => readRef(workshop.git, persons.gitDir, ref),
    move: (request) => move(persons, mirror, request),
  };
}

async function open(workshop: Workshop, location: string): Promise<PersonsRepository> {
  try {
    const { stdout } = await workshop.git.run({
      args: ['rev-parse', '--path-format=absolute', '--git-common-dir'],
      cwd: location,
      // without it a vanished .git folder would be looked for upwards, in somebody else's
      // repository
      environment: { GIT_CEILING_DIRECTORIES: dirname(location) },
    });
    const gitDir = stdout.trimEnd();
    const owner = await findOwner(workshop.git, gitDir);
    return { workshop, location, gitDir, owner };
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    const sentence = 'is no longer a git repository that can be read; put it back, or remove it';
    throw new RepositoryError(location, 'not-a-repository', sentence);
  }
}

async function move(
  persons: PersonsRepository,
  mirror: string,
  request: MoveRequest,
): Promise<Move> {
  const before = await look(persons, mirror, request);
  if (before.kind !== 'free') return before;
  try {
    await sendObjects(persons, mirror, request);
  } catch (error) {
    return refusedWrite(persons, error);
  }
  const { checkout } = before;
  return checkout === null
    ? await swap(persons, request)
    : await fastForward(persons, checkout, request);
}

type Look = Exclude<Move, { kind: 'moved' }> | { kind: 'free'; checkout: Checkout | null };

/**
 * Finds out, before anything is written, whether the move would disturb a checkout of the person's.
 */
async function look(
  persons: PersonsRepository,
  mirror: string,
  request: MoveRequest,
): Promise<Look> {
  const { ref, from } = request;
  if ((await readRef(persons.workshop.git, persons.gitDir, ref)) !== from) return { kind: 'stale' };
  const all = await listCheckouts(persons);
  const user = await userOf(persons, all, ref);
  if (user !== null) return user;
  const holding = all.filter((checkout) => checkout.ref === ref && !checkout.prunable);
  const [checkout = null, another] = holding;
  if (checkout === null) return { kind: 'free', checkout };
  if (another !== undefined) {
    const both = `${checkout.path} and in ${another.path}`;
    const message = `${ref} is checked out in ${both}; switch one of them to another branch`;
    return { kind: 'refused', reason: 'checked-out-twice', message, path: another.path };
  }
  return (await inTheWay(persons, checkout, request, mirror)) ?? { kind: 'free', checkout };
}

/**
 * Sends what is new by a pipe: no access to the mirror is needed on the other side, and no hook
 * takes part.
 */
async function sendObjects(
  { workshop, gitDir, owner }: PersonsRepository,
  mirror: string,
  { to, known }: MoveRequest,
): Promise<void> {
  const { git } = workshop;
  const wanted = known === null ? `${to}\n` : `${to}\n^${known}\n`;
  await git.pipe(
    {
      args: ['pack-objects', '--revs', '--stdout', '--thin', '--delta-base-offset', '--quiet'],
      cwd: mirror,
      gitDir: mirror,
      input: wanted,
    },
    { args: ['index-pack', '--stdin', '--fix-thin'], cwd: gitDir, gitDir, owner },
  );
  const complete = ['rev-list', '--quiet', '--objects', to, '--not', '--all'];
  await git.run({ args: complete, cwd: gitDir, gitDir, owner });
}

/** No worktree has the branch: the ref alone moves. */
async function swap(persons: PersonsRepository, { ref, from, to }: MoveRequest): Promise<Move> {
  const { gitDir, owner, workshop } = persons;
  const expected = from ?? '0'.repeat(to.length);
  const args = ['update-ref', '-m', 'Mission Control: landed', ref, to, expected];
  try {
    await workshop.git.run({ args, cwd: gitDir, gitDir, owner });
    return { kind: 'moved' };
  } catch (error) {
    if ((await readRef(workshop.git, gitDir, ref)) !== from) return { kind: 'stale' };
    return refusedWrite(persons, error);
  }
}

/**
 * A worktree has the branch: moving the ref alone would leave a staged reversal there, which the
 * next commit would silently carry out. So the worktree itself goes forward, files first, by git's
 * own merge.
 */
async function fastForward(
  persons: PersonsRepository,
  checkout: Checkout,
  { ref, from, to }: MoveRequest,
): Promise<Move> {
  const { git } = persons.workshop;
  const branch = ref.replace('refs/heads/', '');
  const call: GitCall = {
    args: ['merge', '--ff-only', '--quiet', '--no-stat', '--no-autostash', to],
    cwd: checkout.path,
    config: [`branch.${branch}.mergeOptions=`, 'merge.autoStash=false'],
    environment: { GIT_REFLOG_ACTION: 'Mission Control: landed', GIT_OPTIONAL_LOCKS: '1' },
    owner: persons.owner,
  };
  const failed = await git.run(call).then(
    () => null,
    (error: unknown) => error,
  );
  const tip = await readRef(git, persons.gitDir, ref);
  if (tip === to) return { kind: 'moved' };
  if (tip !== from) return { kind: 'stale' };
  if (failed !== null) return refusedWrite(persons, failed, checkout.path);
  const what = `${checkout.path} switched to another branch while ${branch} landed there`;
  const message = `${what}; look at \`git reflog\` there, then land again`;
  return { kind: 'refused', reason: 'worktree-changed', message, path: checkout.path };
}

function refusedWrite(persons: PersonsRepository, error: unknown, path = persons.location): Move {
  if (!(error instanceof GitError)) throw error;
  const said = error.stderr || error.message;
  const message = `${path} could not be changed (${said}); mend that, then land again`;
  return { kind: 'refused', reason: 'not-writable', message, path };
}
