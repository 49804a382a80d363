/**
 * The TypeScript SDK: files tasks, follows them and decides about them. It talks to Temporal alone.
 *
 *     const mission = await connect();
 *     const task = await mission.tasks.start({ title: 'Implement search pagination' });
 *     console.log((await task.result()).status);
 *     await mission.close();
 */
export { ConfigError } from '../config.js';
export type { RunSummary, TaskOutcome, TaskState, VerbAnswer } from '../contract.js';
export type {
  BlockReason,
  Priority,
  TaskStatus,
  TerminalStatus,
  Verb,
  WaitReason,
} from '../domain/task.js';
export { type ConnectOptions, connect, type MissionControl } from './connect.js';
export {
  AlreadyDecided,
  DuplicateKey,
  InvalidMessage,
  InvalidTaskInput,
  MissionError,
  type MissionErrorCode,
  NotPermitted,
  TaskEnded,
  TaskFailed,
  TaskNotFound,
  Timeout,
  Unreachable,
  WrongState,
} from './errors.js';
export type { FollowOptions } from './follow.js';
export type { AskOptions, TaskHandle } from './handle.js';
export type { ListedTask, ListOptions, NewTask, StartOptions, Tasks } from './tasks.js';
export type { AssignTo, VerbOptions, Verbs } from './verbs.js';
