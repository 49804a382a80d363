import { describe, expect, test } from 'vitest';
import { bench, git, read } from './support.js';

describe('merge', () => {
  test('a clean checkout of the target goes forward, files and all', async () => {
    const { workspaces, work, landing, location } = await bench();
    const before = git(location, 'rev-parse', 'main');
    const done = await work({ 'src/page.js': 'page\n' });
    const landed = await workspaces.land({ ...landing(done), mode: 'merge' });
    const commit = git(location, 'rev-parse', 'main');
    expect(landed).toEqual({
      kind: 'landed',
      ref: 'refs/heads/main',
      commit,
      how: 'merge',
      targetBefore: before,
    });
    expect(git(location, 'status', '--porcelain')).toBe('');
    expect(read(location, 'src/page.js')).toBe('page\n');
    expect(git(location, 'log', '-1', '--format=%P')).toBe(`${before} ${done.commit}`);
    expect(git(location, 'log', '-1', '--format=%B')).toContain(
      `Reviewed-by: Reviewer\nMission-Landing: ${done.task.id} ${done.commit}`,
    );
  });
});
