import type { AgentRow } from '../../drizzle/read-house.js';
import type { WorkerSandbox } from '../../drizzle/sandboxes.js';
import type { Poller } from '../client/engine.js';
import { levelFor, type SandboxFound, UNSANDBOXED } from '../domain/sandbox.js';
import { type LockedDoor, lockedDoor } from './door.js';

/** What programs of agents are run in, by the workers that live. */
export interface SandboxStanding {
  /** Each once; none: nothing is known yet. */
  readonly found: readonly SandboxFound[];
  /** Agents with a program that nothing holds where they work. */
  readonly unsandboxed: readonly string[];
}

/** What the workers have told that poll now; those that are gone count no more. */
export function sandboxStanding(
  told: readonly WorkerSandbox[],
  pollers: readonly Poller[],
  agents: readonly AgentRow[],
): SandboxStanding {
  const lives = new Set(pollers.map(({ identity }) => identity));
  const found: SandboxFound[] = [];
  for (const { worker, level, why, fix } of told) {
    const isKnown = found.some((each) => each.level === level && each.why === why);
    if (lives.has(worker) && !isKnown) found.push({ level, why, fix });
  }
  const unsandboxed = withProgram(agents).filter((agent) =>
    found.some((each) => {
      const level = levelFor(each, agent);
      return level.kind === 'may-run' && level.recorded === UNSANDBOXED;
    }),
  );
  return { found, unsandboxed: unsandboxed.map(({ id }) => id) };
}

/** No program is started without a sandbox, unless a person chose that: the fix stands in it. */
export function sandboxDoors(
  { found }: SandboxStanding,
  agents: readonly AgentRow[],
): LockedDoor[] {
  const connected = withProgram(agents);
  return found.flatMap((each): LockedDoor[] => {
    const refused = connected.flatMap((agent) => {
      const level = levelFor(each, agent);
      return level.kind === 'refused' ? [{ id: agent.id, message: level.message }] : [];
    });
    const [first] = refused;
    if (first === undefined) return [];
    const who = refused.length === connected.length ? 'no agent' : refused.map(({ id }) => id);
    const start = refused.length === connected.length ? 'starts its program' : 'cannot be started';
    const command = each.level === null ? null : `mission agent connect ${first.id} --unsandboxed`;
    return [lockedDoor('no-sandbox', `${who} ${start}: ${first.message}`, command)];
  });
}

const withProgram = (agents: readonly AgentRow[]): AgentRow[] =>
  agents.filter(({ backend, program }) => backend === 'command' && program !== null);
