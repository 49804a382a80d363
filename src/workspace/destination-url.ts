import type { Destination, Move, MoveRequest } from './destination.js';
import { NETWORK_TIMEOUT_MS, RECEIVE_PACK } from './git.js';
import { reaching, remoteTip, repositorySource, type Workshop } from './mirror.js';
import { mirrorPath, type Repository } from './names.js';

/** A repository that is reached by its URL: the lease of a push is its compare-and-swap. */
export function urlDestination(workshop: Workshop, repository: Repository): Destination {
  return {
    tip: (ref) => remoteTip(workshop, repository.location, ref),
    move: (request) => push(workshop, repository, request),
  };
}

async function push(
  workshop: Workshop,
  repository: Repository,
  request: MoveRequest,
): Promise<Move> {
  const { git, home } = workshop;
  const { location } = repository;
  const { ref, from, to } = request;
  const mirror = mirrorPath(home, repositorySource(repository));
  const lease = `--force-with-lease=${ref}:${from ?? ''}`;
  const pinned = location.startsWith('file://') ? [RECEIVE_PACK] : [];
  const { exitCode, stdout, stderr } = await reaching(location, () =>
    git.run({
      args: [
        'push',
        '--porcelain',
        '--no-verify',
        ...pinned,
        lease,
        '--',
        location,
        `${to}:${ref}`,
      ],
      cwd: mirror,
      gitDir: mirror,
      timeoutMs: NETWORK_TIMEOUT_MS,
      okExits: [1],
    }),
  );
  if (exitCode === 0) return { kind: 'moved' };
  if ((await remoteTip(workshop, location, ref)) !== from) return { kind: 'stale' };
  const said = /^!\t[^\t]*\t(.*)$/m.exec(stdout)?.[1] ?? stderr.trim().split('\n').at(-1) ?? '';
  const message = `${location} does not take ${ref}: ${said}; allow it there, then land again`;
  return { kind: 'refused', reason: 'push-rejected', message };
}
