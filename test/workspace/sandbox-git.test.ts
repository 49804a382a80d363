import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { describeNeeding } from '../support/needs.js';
import { needOf, openSandboxRig, type SandboxRig, SECRET, USERS } from './sandbox-rig.js';
import { bench, git, personsRepository } from './support.js';

// Each starts several programs, and other tests saturate the cores.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

/** What a hostile program leaves in its copy for the git that keeps its work outside. */
describe('git between sandbox and house', () => {
  describe.each(USERS)('started by %s', (who) => {
    describeNeeding(needOf(who), 'in a real one', () => {
      let rig: SandboxRig;
      let mirror = '';
      const location = personsRepository();
      const before = git(location, 'for-each-ref');

      beforeAll(async () => {
        const made = await bench(location);
        const from = await made.workspaces.refresh(made.repository, 'main');
        const { copy } = await made.workspaces.openCopy(made.request({ from }));
        mirror = made.mirror;
        rig = await openSandboxRig(who, {}, { home: made.home, copy });
      });
      afterAll(async () => {
        expect(git(location, 'for-each-ref')).toBe(before);
        expect(git(location, 'status', '--porcelain')).toBe('');
        await rig.close();
      });

      /** Nothing that the program planted ran outside, and the person's files are as they were. */
      const expectNothingRan = () => {
        expect(readdirSync(rig.persons).sort()).toEqual(['canary', 'home']);
        expect(readFileSync(join(rig.persons, 'canary'), 'utf8')).toBe(SECRET);
      };
      const clean = () => rig.sh('git reset -q --hard; git clean -qfdx; cp .git/kept .git/config');

      test('git works in it: status, commit, history, with objects that are borrowed', async () => {
        const { stdout, ending } = await rig.sh(`
        cp .git/config .git/kept; git log --format=%s; echo more >> README.md
        git status --short; git commit -qam 'By the agent' && git log --format='%an %s' -1`);
        expect(stdout).toBe('Begin\n M README.md\nImplementer By the agent\n');
        expect(ending).toEqual({ kind: 'exited', exitCode: 0 });
        expect(await rig.snapshot()).toMatchObject({
          commit: expect.stringMatching(/^[0-9a-f]{40}$/),
        });
      });

      test('the mirror cannot be written, nor seen but for its objects', async () => {
        const { stdout } = await rig.sh(`
        ls ${mirror}; m=$(cat .git/objects/info/alternates); ls -d $m
        for f in $m/pack $m/info $m $m/.. ; do echo > $f/written && echo wrote $f; done
        rm -rf $m/* && echo removed; chmod -R 777 $m && echo changed
        git --git-dir=${mirror} update-ref refs/heads/main HEAD && echo moved; true`);
        expect(stdout.split('\n').filter((line) => !line.startsWith('wrote /tmp/'))).toEqual([
          ...['objects', join(mirror, 'objects'), ''],
        ]);
        expect(readdirSync(mirror)).not.toContain('written');
        expect(git(mirror, 'fsck', '--strict')).not.toContain('missing');
      });

      test('hooks, fsmonitor, filters and aliases that it sets do not run outside', async () => {
        const tell = `echo ran >> ${rig.persons}/told`;
        await rig.sh(`
        mkdir -p hooks .git/hooks .git/info
        for h in pre-commit post-commit reference-transaction post-index-change pre-auto-gc \\
          post-checkout prepare-commit-msg commit-msg update proc-receive fsmonitor-watchman; do
          printf '#!/bin/sh\\n${tell}\\n' > .git/hooks/$h; cp .git/hooks/$h hooks/; done
        chmod +x .git/hooks/* hooks/*
        git config core.hooksPath "$PWD/hooks"; git config core.fsmonitor "$PWD/hooks/pre-commit"
        git config filter.x.clean '${tell}; cat'; git config filter.x.process '${tell}'
        git config diff.external '${tell}'; git config core.pager '${tell}'
        git config core.sshCommand '${tell}'; git config uploadpack.packObjectsHook '${tell}'
        git config core.editor '${tell}'; git config gpg.program '${tell}'
        git config commit.gpgSign true; git config core.alternateRefsCommand '${tell}'
        git config include.path ${rig.persons}/canary
        echo '* filter=x diff=x' > .git/info/attributes; echo work > work.txt`);
        await rig.snapshot().catch((error: unknown) => expect(String(error)).not.toContain(SECRET));
        expectNothingRan();
        await rig.sh('rm -rf .git/hooks .git/info/attributes hooks');
        await clean();
      });

      test.each([
        ['a file that points elsewhere', 'mv .git .old; echo "gitdir: $P/evil" > .git'],
        ['a link', 'mv .git .old; ln -s $P .git'],
        ['a link as its configuration', 'rm .git/config; ln -s $P/canary .git/config'],
        ['a pipe as its configuration', 'rm .git/config; mkfifo .git/config'],
        ['borrowed objects elsewhere', 'echo $P > .git/objects/info/alternates'],
        ['a common folder elsewhere', 'echo $P > .git/commondir'],
        ['a link as its index', 'mv .git/index .git/i; ln -s $P/canary .git/index'],
        ['links as its folder of objects', 'mv .git/objects .git/o; ln -s $P .git/objects'],
      ])('its .git swapped for %s: nothing is run, read or written outside', async (_, swap) => {
        const spare = 'cp -a .git .spare; rm -rf ~/spare; mv .spare ~/spare';
        await rig.sh(`${spare}; ${swap.replaceAll('$P', rig.persons)}; echo ${Math.PI} > work.txt`);
        const kept = await rig.snapshot().then(
          (value) => JSON.stringify(value),
          (error: unknown) => String(error),
        );
        expect(kept).not.toContain(SECRET);
        expectNothingRan();
        await rig.sh('rm -rf .git .old work.txt; mv ~/spare .git; git reset -q --hard');
      });
    });
  });
});
