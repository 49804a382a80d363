import { expect } from 'vitest';
import type { FakeGitHub } from './github.js';
import type { House } from './house.js';
import { addRepository } from './repository.js';
import { eventually, type Filed } from './tasks.js';

let count = 0;
/** A person's checkout whose origin is on the server. */
export async function openShop(house: House, github: FakeGitHub) {
  const name = `shop-${++count}`;
  const bare = github.add(name);
  const repository = await addRepository(house, { landing: 'pull-request' });
  repository.git('remote', 'add', 'origin', `${github.url}/acme/${name}.git`);
  repository.git('push', '--quiet', bare, 'main');
  const there = (...args: string[]) => repository.git(`--git-dir=${bare}`, ...args);
  return { name, repository, bare, there, asked: { repository: repository.name } };
}

/** The pull request, once the task waits for it. */
export async function openedOn(github: FakeGitHub, task: Filed, name: string) {
  return eventually(async () => {
    expect(await task.state()).toMatchObject({ status: 'LANDING', waitingFor: 'pull-request' });
    const pull = github.pulls(name)[0];
    if (pull === undefined) throw new Error(`${name}#1 is not opened yet`);
    return pull;
  });
}
