import { randomUUID } from 'node:crypto';
import { removeCopy } from './cleanup.js';
import { openCopy } from './copy.js';
import { withLock } from './lock.js';
import { type Copy, copyName } from './marker.js';
import { dropRefs, type Workshop } from './mirror.js';
import { copyLockPath, type Source } from './names.js';

/**
 * Opens a working copy that belongs to no run, as a person's command needs one: it is held while
 * `work` goes on, and removed after it. That of a command that was killed is tidied away like any.
 */
export async function withLooseCopy<T>(
  workshop: Workshop,
  request: { source: Source; from: string; signal?: AbortSignal | undefined },
  work: (copy: Copy) => Promise<T>,
): Promise<T> {
  const { home } = workshop;
  const { source, from, signal } = request;
  const task = { id: randomUUID(), number: 1, title: 'Checks' };
  const runId = randomUUID();
  const name = copyName(task.number, runId, 1);
  return await withLock(copyLockPath(home, name), { signal }, async () => {
    try {
      const identity = { name: 'Mission Control', email: 'checks@mission.invalid' };
      const given = { source, task, runId, attempt: 1, from, identity, signal };
      return await work((await openCopy(workshop, given)).copy);
    } finally {
      await removeCopy(home, name);
      await dropRefs(workshop, source, task.id);
    }
  });
}
