/** The verbs of Mission Control over records and Temporal: what one door can do, all can. */
import type { TaskFilter } from '../../drizzle/reads.js';
import type { RepositoryChange, RepositoryRow } from '../../drizzle/repositories.js';
import type { Baseline, Recipe } from '../domain/repository.js';
import type { Verb } from '../domain/task.js';
import { type Connection, connectAgent, disconnectAgent } from './agents-connect.js';
import { type CanaryOptions, sendCanary } from './canary.js';
import type { ServiceDeps } from './deps.js';
import type { Located, Measurable, Watching } from './desk.js';
import { type DiffPick, diff } from './diff.js';
import { doctor } from './doctor.js';
import type { LockedDoor } from './door.js';
import { file } from './file-task.js';
import { follow, type LogOptions, logs } from './follow.js';
import { output } from './output.js';
import { editPolicy, policyHistory, showPolicies, switchPolicy } from './policies.js';
import { dryRunPolicy } from './policies-dry-run.js';
import { diffPolicy, rollbackPolicy } from './policies-versions.js';
import { repair } from './repair.js';
import {
  add,
  change,
  type Examined,
  examine,
  examineChange,
  forget,
  keepBaseline,
  listRepositories,
  measure,
  type NewRepository,
  showRepository,
} from './repositories.js';
import { editRole, listRoles, roleHistory, rollbackRole } from './roles.js';
import { showRun } from './runs.js';
import { listAgents, pauseSquad, showAgent, switchAgent } from './squad.js';
import { status } from './status.js';
import { inbox, list, show, waitingOtherwise, why } from './tasks.js';
import { applyVerb, type VerbFields } from './verbs.js';

export type { AgentRow, PolicyRow } from '../../drizzle/read-house.js';
export type { LogEvent } from '../../drizzle/read-output.js';
export type { RepositoryChange, RepositoryRow } from '../../drizzle/repositories.js';
export type { Disconnected } from './agents-connect.js';
export type { CanaryFlight } from './canary.js';
export type { ServiceDeps } from './deps.js';
export type { Measurable, Measured, Progress } from './desk.js';
export type { DiffPick, TaskDiff } from './diff.js';
export type { Diagnosis } from './doctor.js';
export type { LockedDoor } from './door.js';
export { ServiceError } from './errors.js';
export type { Filed } from './file-task.js';
export type { Output } from './output.js';
export type { PolicySet } from './policies.js';
export type { DryRun } from './policies-dry-run.js';
export type { PolicyDiff } from './policies-versions.js';
export type { Repaired } from './repair.js';
export type { Examined, RepositoryDetails, Wishes } from './repositories.js';
export type { Role, RoleSet } from './roles.js';
export type { RunDetails } from './runs.js';
export type { HouseStatus } from './status.js';
export type { Listed, TaskDetails } from './tasks.js';
export type { VerbFields } from './verbs.js';
export type { Standstill } from './waits.js';

export type Service = ReturnType<typeof createService>;

/** Binds the verbs to one installation, one principal and one door. */
export const createService = (deps: ServiceDeps) => ({
  principal: deps.principal,
  tasks: {
    file: (request: object) => file(deps, request),
    list: (filter: TaskFilter) => list(deps, filter),
    show: (task: string) => show(deps, task),
    why: (task: string) => why(deps, task),
    inbox: (options: { readonly mine: boolean }) => inbox(deps, options),
    /** How many wait for something else than a person: an agent, a limit, a pause. */
    waitingOtherwise: (options: { readonly mine: boolean }) => waitingOtherwise(deps, options),
    output: (task: string) => output(deps, task),
    /** What an execution has changed; by default the last one that has succeeded. */
    diff: (task: string, pick: DiffPick = { kind: 'last' }) => diff(deps, task, pick),
    apply: (task: string, verb: Verb, fields?: VerbFields) => applyVerb(deps, task, verb, fields),
    /** The task whenever it has changed, until its end. */
    follow: (task: string, signal?: AbortSignal) => follow(deps, task, signal ? { signal } : {}),
    logs: (task: string, options: LogOptions) => logs(deps, task, options),
  },
  runs: {
    /** By `T-42 review 1`, `T-42/R1` or its id. */
    show: (name: string) => showRun(deps, name),
  },
  policies: {
    show: (name?: string) => showPolicies(deps, name),
    history: (name: string) => policyHistory(deps, name),
    edit: (name: string, edits: readonly string[], why: string) =>
      editPolicy(deps, name, edits, why),
    enable: (name: string, enabled: boolean, why: string) => switchPolicy(deps, name, enabled, why),
    diff: (name: string, versions: { readonly from?: string; readonly to?: string }) =>
      diffPolicy(deps, name, versions),
    /** Makes a new version with the value of an older one; by default of the last but one. */
    rollback: (name: string, to?: string, reason?: string) =>
      rollbackPolicy(deps, name, to, reason),
    dryRun: (name: string, edits: readonly string[]) => dryRunPolicy(deps, name, edits),
  },
  agents: {
    list: () => listAgents(deps),
    show: (id: string) => showAgent(deps, id),
    enable: (id: string, enabled: boolean, why: string) => switchAgent(deps, id, enabled, why),
    connect: (connection: Connection) => connectAgent(deps, connection),
    disconnect: (agents: readonly string[], why: string) => disconnectAgent(deps, agents, why),
  },
  roles: {
    list: () => listRoles(deps),
    history: (name: string) => roleHistory(deps, name),
    edit: (name: string, text: string, why: string) => editRole(deps, name, text, why),
    rollback: (name: string, to?: string, reason?: string) => rollbackRole(deps, name, to, reason),
  },
  repositories: repositoryVerbs(deps),
  pause: (paused: boolean, why: string) => pauseSquad(deps, paused, why),
  status: () => status(deps),
  doctor: {
    /** With the doors that the caller knows of himself. */
    diagnose: (known: readonly LockedDoor[]) => doctor(deps, known),
    canary: (options: CanaryOptions) => sendCanary(deps, options),
  },
  repair: () => repair(deps),
});

const repositoryVerbs = (deps: ServiceDeps) => ({
  list: () => listRepositories(deps),
  show: (name: string) => showRepository(deps, name),
  /** What a repository is and proposes. It is added, or forgotten, after that. */
  examine: (given: NewRepository, signal: AbortSignal) => examine(deps, given, signal),
  add: (examined: Examined, recipe: Recipe, baseline: Baseline | null) =>
    add(deps, examined, recipe, baseline),
  forget: (repository: Located) => forget(deps, repository),
  examineChange: (name: string, given: RepositoryChange, signal: AbortSignal) =>
    examineChange(deps, name, given, signal),
  change: (name: string, given: RepositoryChange, why: string) => change(deps, name, given, why),
  /** Runs setup and checks on a commit, and keeps nothing. */
  measure: (given: Measurable, watching: Watching) => measure(deps, given, watching),
  keepBaseline: (repository: RepositoryRow, recipe: Recipe, baseline: Baseline) =>
    keepBaseline(deps, repository, recipe, baseline),
});
