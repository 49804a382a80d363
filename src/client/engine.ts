import {
  Client,
  Connection,
  type ConnectionOptions,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import {
  lookAgain,
  runPromoted,
  TASK_WORKFLOW,
  taskStart,
  UPKEEP_ID,
  UPKEEP_WORKFLOW,
  type VerbAnswer,
  type VerbMessage,
} from '../contract.js';
import type { Priority } from '../domain/task.js';
import { Timeout, Unreachable } from './errors.js';
import { type Inspected, inspect, isAnswered, type Running, runningTasks } from './inspect.js';
import { ask, type Link } from './link.js';

export interface Poller {
  readonly identity: string;
  /** Milliseconds since it asked for work the last time. */
  readonly idleMs: number;
}

/** Which store answers, and the server's version. */
export interface Store {
  readonly cluster: string;
  readonly namespace: string;
  readonly version: string;
}

/**
 * What those who keep the records ask of Temporal: by stored workflow ids, each call within the
 * link's deadline, failing with a `MissionError`.
 */
export interface Engine {
  readonly address: string;
  /** Starts the workflow of a filed task; twice is once. With a limit it ends after that time. */
  start(task: {
    workflowId: string;
    title: string;
    priority: Priority;
    endsAfterMs?: number;
  }): Promise<void>;
  /** Ends it without its worker; one that is closed or missing is left. */
  terminate(workflowId: string, reason: string): Promise<void>;
  /** Applies a verb and waits for the answer. */
  update(workflowId: string, message: VerbMessage): Promise<VerbAnswer>;
  /** Delivers the same message without waiting: it is applied once, as soon as a worker runs. */
  deliver(workflowId: string, message: VerbMessage): Promise<void>;
  /** Wakes promoted runs; a workflow that is closed or missing is upkeep's to look at. */
  wake(promoted: readonly { readonly run: string; readonly workflowId: string }[]): Promise<void>;
  /** Has waiting tasks decided again; the same holds of missing ones. */
  lookAgain(workflowIds: readonly string[]): Promise<void>;
  look(workflowId: string): Promise<'running' | 'closed' | 'missing'>;
  /** Starts upkeep, unless it runs. */
  startUpkeep(): Promise<void>;
  /** Who polls the queue for workflows; one that was killed stays listed for minutes. */
  pollers(): Promise<Poller[]>;
  /** Who polls it for runs. */
  runPollers(): Promise<Poller[]>;
  /** Whether a worker answers for upkeep, which has to run. */
  isAnswered(): Promise<boolean>;
  inspect(workflowId: string): Promise<Inspected>;
  runningTasks(most: number): Promise<{ running: readonly Running[]; whole: boolean }>;
  store(): Promise<Store>;
  close(): Promise<void>;
}

export interface EngineOptions {
  readonly address: string;
  readonly connectionOptions: ConnectionOptions;
  readonly namespace: string;
  readonly taskQueue: string;
}

/** How long a call may take before the person is told. */
const TIMEOUT_MS = 5_000;

/** Connects with the first call: what never asks Temporal works while it is away. */
export function openEngine(options: EngineOptions): Engine {
  const { address, namespace, taskQueue } = options;
  const timeoutMs = TIMEOUT_MS;
  const connection = Connection.lazy({ ...options.connectionOptions, connectTimeout: timeoutMs });
  const client = new Client({ connection, namespace });
  return engineOver({
    client,
    connection,
    address,
    namespace,
    taskQueue,
    by: 'person:unnamed',
    timeoutMs,
  });
}

function engineOver(link: Link): Engine {
  const { client, taskQueue } = link;
  const handle = (workflowId: string) => client.workflow.getHandle(workflowId);
  return {
    address: link.address,
    start: (task) =>
      ask(link, { what: 'start', workflowId: task.workflowId }, async () => {
        try {
          const { endsAfterMs: workflowExecutionTimeout } = task;
          const limit = workflowExecutionTimeout === undefined ? {} : { workflowExecutionTimeout };
          await client.workflow.start(TASK_WORKFLOW, { ...taskStart(task, taskQueue), ...limit });
        } catch (error) {
          // It has been started, and has ended meanwhile.
          if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
        }
      }),
    terminate: (workflowId, reason) =>
      ask(link, { what: 'terminate', workflowId }, async () => {
        try {
          await handle(workflowId).terminate(reason);
        } catch (error) {
          if (!(error instanceof WorkflowNotFoundError)) throw error;
        }
      }),
    update: (workflowId, message) => {
      const { verb, messageId } = message;
      return ask(link, { what: verb, workflowId, messageId }, () =>
        handle(workflowId).executeUpdate<VerbAnswer, [VerbMessage]>(verb, {
          args: [message],
          updateId: messageId,
        }),
      );
    },
    deliver: (workflowId, message) =>
      ask(link, { what: message.verb, workflowId }, () =>
        handle(workflowId).signal<[VerbMessage]>(message.verb, message),
      ),
    wake: (promoted) =>
      toEach(link, promoted, ({ workflowId, run }) =>
        handle(workflowId).signal(runPromoted, { run }),
      ),
    lookAgain: (ids) =>
      toEach(
        link,
        ids.map((workflowId) => ({ workflowId })),
        ({ workflowId }) => handle(workflowId).signal(lookAgain),
      ),
    look: (workflowId) => look(link, workflowId),
    startUpkeep: () =>
      ask(link, { what: 'start', workflowId: UPKEEP_ID }, async () => {
        await client.workflow.start(UPKEEP_WORKFLOW, {
          taskQueue,
          workflowId: UPKEEP_ID,
          workflowIdConflictPolicy: 'USE_EXISTING',
          staticSummary: 'Keeps the house: starts what was filed, wakes, reconciles, cleans',
        });
      }),
    pollers: () => pollers(link, WORKFLOW_TASKS),
    runPollers: () => pollers(link, ACTIVITY_TASKS),
    isAnswered: () => isAnswered(link),
    inspect: (workflowId) => inspect(link, workflowId),
    runningTasks: (most) => runningTasks(link, most),
    store: () => store(link),
    close: () => link.connection.close(),
  };
}

async function toEach<T extends { readonly workflowId: string }>(
  link: Link,
  targets: readonly T[],
  signal: (target: T) => Promise<void>,
): Promise<void> {
  await Promise.all(
    targets.map(async (target) => {
      try {
        await ask(link, { what: 'signal', workflowId: target.workflowId }, () => signal(target));
      } catch (error) {
        if (error instanceof Unreachable || error instanceof Timeout) throw error;
      }
    }),
  );
}

const look = (link: Link, workflowId: string) =>
  ask(link, { what: 'describe', workflowId }, async () => {
    try {
      const { status } = await link.client.workflow.getHandle(workflowId).describe();
      return status.name === 'RUNNING' ? 'running' : 'closed';
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return 'missing';
      throw error;
    }
  });

/** Numbers of `TASK_QUEUE_TYPE_WORKFLOW` and `TASK_QUEUE_TYPE_ACTIVITY`. */
const WORKFLOW_TASKS = 1;
const ACTIVITY_TASKS = 2;

const pollers = (link: Link, taskQueueType: number) =>
  ask(link, { what: 'describe', workflowId: link.taskQueue }, async () => {
    const described = await link.client.workflowService.describeTaskQueue({
      namespace: link.namespace,
      taskQueue: { name: link.taskQueue },
      taskQueueType,
    });
    return (described.pollers ?? []).map(({ identity, lastAccessTime }) => ({
      identity: identity ?? '',
      idleMs: Math.max(0, Date.now() - Number(lastAccessTime?.seconds ?? 0) * 1000),
    }));
  });

const store = (link: Link) =>
  ask(link, { what: 'describe', workflowId: link.namespace }, async () => {
    const { workflowService: service } = link.client;
    const { namespace } = link;
    // One after the other: a call that still retries when its connection closes ends the process.
    const { namespaceInfo } = await service.describeNamespace({ namespace });
    // A managed service may keep this to itself; the namespace's id is of one store alone.
    const unknown = { clusterId: '', serverVersion: '' };
    const { clusterId, serverVersion } = await service.getClusterInfo({}).catch(() => unknown);
    return {
      cluster: clusterId || 'unknown',
      namespace: namespaceInfo?.id ?? namespace,
      version: serverVersion || 'unknown',
    };
  });
