import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ConfigError, loadConfig } from '../../src/config.js';
import { tempFolder } from './support.js';

const BARE = { HOME: '/nowhere/home', PATH: '/usr/bin' };

test('an empty environment gives the embedded stack', () => {
  expect(loadConfig(BARE)).toMatchObject({
    home: null,
    databaseUrl: null,
    temporal: null,
    namespace: 'default',
    taskQueue: 'mission-control',
    temporalCli: null,
    cacheDir: '/nowhere/home/.cache/mission-control',
    searchPath: '/usr/bin',
    color: null,
    ci: false,
  });
});

test('an empty variable is one that is not set', () => {
  const empty = { DATABASE_URL: '', TEMPORAL_ADDRESS: '', MISSION_HOME: '', NO_COLOR: '', CI: '' };
  expect(loadConfig({ ...BARE, ...empty })).toEqual(loadConfig(BARE));
});

test('the cache: MISSION_CACHE, else below XDG_CACHE_HOME', () => {
  const xdg = { ...BARE, XDG_CACHE_HOME: '/var/xdg' };
  expect(loadConfig(xdg).cacheDir).toBe('/var/xdg/mission-control');
  expect(loadConfig({ ...xdg, MISSION_CACHE: '/srv/mc' }).cacheDir).toBe('/srv/mc');
});

test('metrics: none unless asked for, and a port alone is on the loopback', () => {
  const address = (text: string) =>
    loadConfig({ ...BARE, MISSION_METRICS_ADDRESS: text }).metricsAddress;
  expect(address('')).toBeNull();
  expect(address('9464')).toBe('127.0.0.1:9464');
  expect(address('0.0.0.0:9464')).toBe('0.0.0.0:9464');
});

describe('a value that cannot be used is refused by name, value and what is allowed', () => {
  test.each([
    ['DATABASE_URL', 'mysql://h/x', 'postgres://user@host:port/database'],
    ['DATABASE_URL', 'postgres://host', 'postgres://user@host:port/database'],
    ['MISSION_HOME', 'relative/home', 'absolute path'],
    ['MC_TEMPORAL_CLI', 'temporal', 'absolute path'],
    ['MISSION_TASK_QUEUE', 'two words', 'letters, digits'],
    ['MISSION_METRICS_ADDRESS', 'metrics.example:9464', 'a port, or IP:port'],
  ])('%s=%s', (name, value, allowed) => {
    const load = () => loadConfig({ ...BARE, [name]: value });
    expect(load).toThrow(ConfigError);
    expect(load).toThrow(name);
    expect(load).toThrow(value);
    expect(load).toThrow(allowed);
  });

  test('all of them at once, and never a password', () => {
    const env = { ...BARE, DATABASE_URL: 'mysql://me:s3cret@h/x', MISSION_HOME: 'x' };
    const load = () => loadConfig(env);
    expect(load).toThrow(/DATABASE_URL.*me:\*\*\*@h/);
    expect(load).toThrow(/MISSION_HOME/);
    expect(load).not.toThrow(/s3cret/);
  });
});

describe('a Temporal server is named', () => {
  test('by TEMPORAL_ADDRESS, with namespace, key and TLS', () => {
    const config = loadConfig({
      ...BARE,
      TEMPORAL_ADDRESS: 'acme.tmprl.cloud:7233',
      TEMPORAL_NAMESPACE: 'acme.prod',
      TEMPORAL_API_KEY: 'k',
    });
    expect(config.namespace).toBe('acme.prod');
    expect(config.temporal).toMatchObject({
      address: 'acme.tmprl.cloud:7233',
      connectionOptions: { apiKey: 'k', tls: true },
    });
  });

  test('by a profile of a file; a variable stands above it', () => {
    const file = join(tempFolder(), 'temporal.toml');
    writeFileSync(file, '[profile.staging]\naddress = "t:7233"\nnamespace = "s"\n');
    const env = { ...BARE, TEMPORAL_CONFIG_FILE: file, TEMPORAL_PROFILE: 'staging' };
    expect(loadConfig(env)).toMatchObject({ namespace: 's', temporal: { address: 't:7233' } });
    const both = loadConfig({ ...env, TEMPORAL_ADDRESS: 'u:7233' });
    expect(both.temporal?.address).toBe('u:7233');
  });

  test('a profile that does not exist, or a certificate that is missing, is said', () => {
    expect(() => loadConfig({ ...BARE, TEMPORAL_PROFILE: 'gone' })).toThrow(/TEMPORAL_PROFILE/);
    const missing = { ...BARE, TEMPORAL_CONFIG_FILE: '/no/temporal.toml' };
    expect(() => loadConfig(missing)).toThrow(/TEMPORAL_CONFIG_FILE is "\/no\/temporal.toml"/);
    const file = join(tempFolder(), 'temporal.toml');
    writeFileSync(file, '[profile.a]\naddress = "t:7233"\n');
    const env = { ...BARE, TEMPORAL_CONFIG_FILE: file, TEMPORAL_PROFILE: 'gone' };
    expect(() => loadConfig(env)).toThrow(/TEMPORAL_PROFILE.*'gone' not found/s);
    const tls = { ...BARE, TEMPORAL_ADDRESS: 'a:1', TEMPORAL_TLS_CLIENT_CERT_PATH: '/no/cert' };
    expect(() => loadConfig(tls)).toThrow(/TEMPORAL_TLS_CLIENT_CERT_PATH.*\/no\/cert/s);
  });

  test('a key without a server is a mistake, not the embedded server', () => {
    expect(() => loadConfig({ ...BARE, TEMPORAL_API_KEY: 'k' })).toThrow(/TEMPORAL_ADDRESS/);
  });
});

test('colour and CI', () => {
  expect(loadConfig({ ...BARE, NO_COLOR: '1', FORCE_COLOR: '1' }).color).toBe(false);
  expect(loadConfig({ ...BARE, FORCE_COLOR: '1' }).color).toBe(true);
  expect(loadConfig({ ...BARE, FORCE_COLOR: '0' }).color).toBe(false);
  expect(loadConfig({ ...BARE, CI: 'true' }).ci).toBe(true);
  expect(loadConfig({ ...BARE, CI: 'false' }).ci).toBe(false);
});
