import { createHash } from 'node:crypto';
import { contents, deliverables } from '../drizzle/schema.js';
import type { ContentHash, TaskId } from '../src/domain/ids.js';
import type { Deps } from './deps.js';

/**
 * Keeps the files of a task without a repository, by their digest: `mission task output` reads them
 * back. Storing twice is storing once. Answers how many files there are.
 */
export async function storeDeliverable(
  { database, workspaces }: Deps,
  taskId: string,
  commit: string,
): Promise<number> {
  const { db } = database;
  const files = await workspaces.archive({ kind: 'task', taskId }, commit);
  for (const { path, mode, bytes: body } of files) {
    const sha256 = createHash('sha256').update(body).digest('hex') as ContentHash;
    await db.insert(contents).values({ sha256, body }).onConflictDoNothing();
    await db
      .insert(deliverables)
      .values({ taskId: taskId as TaskId, path, mode, sha256 })
      .onConflictDoUpdate({
        target: [deliverables.taskId, deliverables.path],
        set: { mode, sha256 },
      });
  }
  return files.length;
}
