import { createHash } from 'node:crypto';
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
  const { sql } = database;
  const files = await workspaces.archive({ kind: 'task', taskId }, commit);
  for (const { path, mode, bytes } of files) {
    const sha = createHash('sha256').update(bytes).digest('hex');
    await sql`insert into contents (sha256, body) values (${sha}, ${bytes}) on conflict do nothing`;
    await sql`insert into deliverables (task_id, path, mode, sha256)
      values (${taskId}::uuid, ${path}, ${mode}, ${sha})
      on conflict (task_id, path) do update set mode = excluded.mode, sha256 = excluded.sha256`;
  }
  return files.length;
}
