import { type RoleRow, readRoles, setRole } from '../../drizzle/roles.js';
import { ROLE_LINES_MAX, roleNamed, roleNames } from '../domain/roles.js';
import { nearest } from '../domain/text.js';
import type { ServiceDeps } from './deps.js';
import { ServiceError } from './errors.js';

export type Role = RoleRow & { readonly name: string };

export interface RoleSet {
  readonly name: string;
  readonly version: number;
  /** False: it was so already, and no version was made. */
  readonly changed: boolean;
}

const named = (row: RoleRow): Role => ({ ...row, name: roleNames[row.kind] });

/** The versions in force. */
export async function listRoles({ database }: ServiceDeps): Promise<Role[]> {
  const all = await readRoles(database);
  const isFirst = (row: RoleRow) => all.find(({ kind }) => kind === row.kind) === row;
  return all.filter(isFirst).map(named);
}

/** Every version of one role, newest first. */
export async function roleHistory({ database }: ServiceDeps, name: string): Promise<Role[]> {
  const kind = roleNamed(name);
  const known = Object.values(roleNames);
  if (kind === null) {
    const near = nearest(name, known);
    const meant = near === null ? '' : `; did you mean ${near}?`;
    throw new ServiceError('not-found', `there is no role "${name}"; there are ${known}${meant}`);
  }
  const rows = (await readRoles(database)).filter((row) => row.kind === kind);
  if (rows.length > 0) return rows.map(named);
  throw new ServiceError('not-found', `the role ${name} is not seeded yet: npm run db:seed`);
}

/** Makes the next version. Runs that have begun keep the one that they were given. */
export async function editRole(
  deps: ServiceDeps,
  name: string,
  text: string,
  why: string,
): Promise<RoleSet> {
  const [now] = await roleHistory(deps, name);
  if (now === undefined) throw new Error('a role without a version');
  const whole = text.replaceAll('\r\n', '\n').trim();
  if (whole === '') throw new ServiceError('usage', `the text of the role ${name} is empty`);
  const lines = whole.split('\n').length;
  if (lines > ROLE_LINES_MAX) {
    const sentence = `the text has ${lines} lines, and more than ${ROLE_LINES_MAX} are skipped`;
    throw new ServiceError('usage', `${sentence} by whoever reads it: make it shorter`);
  }
  if (whole === now.text) return { name: now.name, version: now.version, changed: false };
  const { database, principal: by, door } = deps;
  const { kind, version: baseVersion } = now;
  const answer = await setRole(database, { kind, baseVersion, text: whole, by, door, why });
  switch (answer.kind) {
    case 'set':
      return { name: now.name, version: answer.version, changed: true };
    case 'changed': {
      const sentence = `${answer.by} has made version ${answer.version} of ${now.name} meanwhile`;
      throw new ServiceError('failed', `${sentence}; look at it: mission role show ${now.name}`);
    }
    case 'refused':
      throw new ServiceError('failed', `${by} may not change roles: agents have no right to`);
    default:
      return answer satisfies never;
  }
}

/** Makes a new version with the text of an older one. */
export async function rollbackRole(
  deps: ServiceDeps,
  name: string,
  asked: string | undefined,
  reason: string | undefined,
): Promise<RoleSet> {
  const history = await roleHistory(deps, name);
  const old =
    asked === undefined ? history[1] : history.find(({ version }) => String(version) === asked);
  if (old === undefined) {
    const what = asked === undefined ? 'has one version' : `has no version ${asked}`;
    throw new ServiceError('failed', `${name} ${what}: mission role show ${name} --history`);
  }
  const why = `rolled back to version ${old.version}${reason === undefined ? '' : `: ${reason}`}`;
  return editRole(deps, name, old.text, why);
}
