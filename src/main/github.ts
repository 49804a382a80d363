import { join } from 'node:path';
import type { Config } from '../config.js';
import { createGitHub, type GitHub } from '../github/index.js';

/** GitHub as the configuration says, with the token of the data folder or of the environment. */
export const githubOf = (
  { githubApi: apiUrl, githubToken: environment }: Config,
  home: string,
): GitHub => createGitHub({ apiUrl, environment, file: join(home, 'github-token') });
