import type { Connection, ConnectionOptions } from '@temporalio/client';

/** Names and types of the search attributes that the workflows set. */
export type SearchAttributes = Readonly<Record<string, 'Keyword' | 'KeywordList' | 'Int'>>;

/** Numbers of Temporal's `IndexedValueType`. */
const TYPES = { Keyword: 2, Int: 3, KeywordList: 7 } as const;
/** The dev server forgets closed workflows after a day; 30 days are 720 hours. */
const RETENTION = '30 days';

/**
 * Connects to a Temporal server, within 10 s. Throws an error that names address and reason.
 */
export async function connectTemporal(options: ConnectionOptions): Promise<Connection> {
  const { Connection } = await import('@temporalio/client'); // half a second to load
  const connection = Connection.lazy({ ...options, connectTimeout: '10s' });
  try {
    await connection.withDeadline(Date.now() + 10_000, () => connection.ensureConnected());
    return connection;
  } catch (error) {
    await connection.close();
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`The Temporal server at ${options.address} does not answer: ${reason}`);
  }
}

/**
 * Adds the search attributes to a namespace; those that are there already are left alone. Needed
 * on every start: the server's own flag acts only when a namespace is made.
 * Throws when one exists with another type, or when the server does not let us.
 */
export async function addSearchAttributes(
  connection: Connection,
  namespace: string,
  attributes: SearchAttributes,
): Promise<void> {
  const searchAttributes = Object.fromEntries(
    Object.entries(attributes).map(([name, type]) => [name, TYPES[type]]),
  );
  if (Object.keys(searchAttributes).length === 0) return;
  const service = connection.operatorService;
  try {
    await service.addSearchAttributes({ namespace, searchAttributes });
    // The dev server takes another type in silence and keeps the old one.
    const { customAttributes } = await service.listSearchAttributes({ namespace });
    for (const [name, type] of Object.entries(searchAttributes)) {
      const there = customAttributes[name] ?? type;
      if (there !== type) throw new Error(`${name} exists with another type (${there})`);
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const flags = Object.entries(attributes).map(([name, type]) => `--name ${name} --type ${type}`);
    throw new Error(
      `The search attributes of namespace ${namespace} are not as needed: ${reason}. By hand: ` +
        `temporal operator search-attribute create -n ${namespace} ${flags.join(' ')}`,
    );
  }
}

/** Keeps closed workflows of an embedded server's namespace for 30 days. */
export async function keepForAMonth(connection: Connection, namespace: string): Promise<void> {
  const { msToTs } = await import('@temporalio/common/lib/time.js');
  const config = { workflowExecutionRetentionTtl: msToTs(RETENTION) };
  await connection.workflowService.updateNamespace({ namespace, config });
}
