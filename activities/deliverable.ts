import { createHash } from 'node:crypto';
import { contents } from '../drizzle/schema.js';
import type { ContentHash } from '../src/domain/ids.js';
import type { Deps } from './deps.js';

/** A file of the deliverable, by the digest of what is in it. */
export interface StoredFile {
  readonly path: string;
  readonly mode: string;
  readonly sha256: ContentHash;
}

/**
 * Keeps what is in the files of a task without a repository, by its digest. Which files they are is
 * recorded with the landing, and only by it: `mission task output` reads them back.
 */
export async function storeFiles(
  { database, workspaces }: Deps,
  taskId: string,
  commit: string,
): Promise<StoredFile[]> {
  const files = await workspaces.archive({ kind: 'task', taskId }, commit);
  const stored: StoredFile[] = [];
  for (const { path, mode, bytes: body } of files) {
    const sha256 = createHash('sha256').update(body).digest('hex') as ContentHash;
    await database.db.insert(contents).values({ sha256, body }).onConflictDoNothing();
    stored.push({ path, mode, sha256 });
  }
  return stored;
}
