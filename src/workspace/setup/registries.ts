import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hostWithPort } from '../sandbox/proxy.js';

/** Package registries beside the public ones. */
export interface Registries {
  /** `npm.example.com:443` */
  hosts: readonly string[];
  /** By which package managers find them; no credentials. */
  environment: Readonly<Record<string, string>>;
}

/** What a worker's environment says of registries. */
export interface RegistryVariables {
  /** MISSION_REGISTRIES: hosts and URLs, with commas or blanks between. */
  named: string | null;
  npm: string | null;
  pip: string | null;
  pipExtra: string | null;
  go: string | null;
}

/** Where packages of these kinds come from unless somebody says otherwise. */
const PUBLIC = [
  'registry.npmjs.org',
  'registry.yarnpkg.com',
  'repo.yarnpkg.com',
  'pypi.org',
  'files.pythonhosted.org',
  'proxy.golang.org',
  'sum.golang.org',
  'crates.io',
  'index.crates.io',
  'static.crates.io',
  'rubygems.org',
  'index.rubygems.org',
  'packagist.org',
  'repo.packagist.org',
  'repo.maven.apache.org',
  'repo1.maven.org',
  'plugins.gradle.org',
  'plugins-artifacts.gradle.org',
  'api.nuget.org',
  'repo.hex.pm',
  'pub.dev',
];

/** All hosts that a setup may reach. */
export function allowedHosts(more: readonly string[]): string[] {
  return [...new Set([...PUBLIC, ...more].map(hostWithPort))];
}

/**
 * The registries of this installation: those that are named for it, and those to which the
 * person's own npm and pip are sent. Of what those say only the address is taken, never a login.
 * @param variables null: nobody's, so none beside the public ones
 * @throws TypeError for a name that is no host and no URL
 */
export async function findRegistries(
  variables: RegistryVariables | null,
  personsHome: string,
): Promise<Registries> {
  if (variables === null) return { hosts: [], environment: {} };
  const npm = variables.npm ?? (await settingOf(join(personsHome, '.npmrc'), 'registry'));
  const files = ['.config/pip/pip.conf', '.pip/pip.conf'].map((path) => join(personsHome, path));
  const inFiles = async (key: string) => {
    for (const path of [...files, '/etc/pip.conf']) {
      const found = await settingOf(path, key);
      if (found !== null) return found;
    }
    return null;
  };
  const pip = variables.pip ?? (await inFiles('index-url'));
  const pipExtra = variables.pipExtra ?? (await inFiles('extra-index-url'));
  const go = variables.go;
  const environment: Record<string, string> = {};
  const hosts = (variables.named ?? '')
    .split(/[\s,]+/)
    .filter(Boolean)
    .map(hostOf);
  const take = (name: string, text: string | null, separator: RegExp, glue: string) => {
    const urls = (text ?? '').split(separator).filter((each) => /^https?:\/\//.test(each));
    if (urls.length === 0) return;
    hosts.push(...urls.map(hostOf));
    environment[name] = urls.map(withoutLogin).join(glue);
  };
  take('npm_config_registry', npm, /\s+/, ' ');
  take('PIP_INDEX_URL', pip, /\s+/, ' ');
  take('PIP_EXTRA_INDEX_URL', pipExtra, /\s+/, ' ');
  take('GOPROXY', go, /[\s,|]+/, ',');
  return { hosts: [...new Set(hosts)], environment };
}

/** The host of a URL, or the host that is named; with its port. */
function hostOf(text: string): string {
  if (!/^https?:\/\//.test(text)) return hostWithPort(text);
  const { protocol, hostname, port } = new URL(text);
  return hostWithPort(`${hostname}:${port || (protocol === 'http:' ? 80 : 443)}`);
}

function withoutLogin(text: string): string {
  const url = new URL(text);
  url.username = '';
  url.password = '';
  return url.href;
}

/** One setting of a file of lines `key = value`; null where it is not said. */
async function settingOf(path: string, key: string): Promise<string | null> {
  const text = await readFile(path, 'utf8').catch(() => '');
  for (const line of text.split('\n')) {
    const [, name, value = ''] = /^\s*([\w-]+)\s*[=:]\s*(.*?)\s*$/.exec(line) ?? [];
    if (name === key) return value.replace(/^["']|["']$/g, '') || null;
  }
  return null;
}
