import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { type Message, Messages, readBind, readParse } from './postgres-wire.js';
import type { Trap } from './trap.js';

/** A call that a worker has sent and Postgres has not answered yet. */
interface Pending {
  readonly text: string;
  /** Its answer is to be withheld. */
  readonly trap: Trap | null;
  answer: string;
  failed: boolean;
  readonly messages: Buffer[];
}

/** What stands between a worker and Postgres; it outlives both. */
export interface PostgresProxy {
  readonly port: number;
  trap: Trap | null;
  /** Told of every call that Postgres has answered without an error. */
  answered: (text: string, answer: string) => void;
  /** Ends every connection at once. */
  cut(): void;
  close(): Promise<void>;
}

export async function openPostgresProxy(serverPort: number): Promise<PostgresProxy> {
  const links = new Set<Link>();
  const server = createServer((client) => {
    const link = new Link(client, connect(serverPort, '127.0.0.1'), proxy);
    links.add(link);
    client.once('close', () => links.delete(link));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = () => {
    for (const link of links) link.cut();
  };
  const proxy: PostgresProxy = {
    port: (server.address() as AddressInfo).port,
    trap: null,
    answered: () => undefined,
    cut,
    async close() {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
  return proxy;
}

/** One connection. It reads just enough of the protocol to know calls and their answers. */
class Link {
  private readonly client: Socket;
  private readonly server: Socket;
  private readonly proxy: PostgresProxy;
  private readonly statements = new Map<string, string>();
  /** The call whose `Sync` has not been seen yet. */
  private current: Pending | null = null;
  private readonly pending: (Pending | null)[] = [];
  /** What the client sends behind a call that is withheld. */
  private behind: Message[] | null = null;
  /** What the server sends behind an answer that is withheld. */
  private after: Message[] | null = null;

  constructor(client: Socket, server: Socket, proxy: PostgresProxy) {
    this.client = client;
    this.server = server;
    this.proxy = proxy;
    const [asked, told] = [new Messages('client'), new Messages('server')];
    client.on('data', (chunk) => {
      for (const message of asked.of(chunk)) this.ask(message);
    });
    server.on('data', (chunk) => {
      for (const message of told.of(chunk)) this.tell(message);
    });
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', () => this.cut());
      socket.on('close', () => this.cut());
    }
  }

  cut(): void {
    this.client.destroy();
    this.server.destroy();
  }

  private ask(message: Message): void {
    if (this.behind !== null) {
      this.behind.push(message);
      return;
    }
    if (message.type === 'P') {
      const { name, text } = readParse(message);
      this.statements.set(name, text);
    }
    if (message.type === 'B' && !this.called(message)) return;
    if (message.type === 'S') {
      this.pending.push(this.current);
      this.current = null;
    }
    this.server.write(message.bytes);
  }

  /** A call; false when it is withheld. */
  private called(message: Message): boolean {
    const { name, values } = readBind(message);
    const text = [this.statements.get(name)?.trim(), ...values].join('\n');
    const { trap } = this.proxy;
    const taken = trap?.takes({ server: 'postgres', text }) ? trap : null;
    const late = taken?.moment === 'after' ? taken : null;
    this.current = { text, trap: late, answer: '', failed: false, messages: [] };
    if (taken === null || late !== null) return true;
    this.behind = [];
    void taken.withhold().then((fate) => {
      const behind = this.behind ?? [];
      this.behind = null;
      if (fate === 'is lost' || this.server.destroyed) return this.cut();
      this.server.write(message.bytes);
      for (const each of behind) this.ask(each);
    });
    return false;
  }

  private tell(message: Message): void {
    if (this.after !== null) {
      this.after.push(message);
      return;
    }
    const call = this.pending[0] ?? null;
    if (call !== null && message.type === 'D') call.answer += message.bytes.toString('utf8', 5);
    if (call !== null && message.type === 'E') call.failed = true;
    if (call?.trap) call.messages.push(message.bytes);
    else this.client.write(message.bytes);
    if (message.type !== 'Z' || this.pending.length === 0) return;
    this.pending.shift();
    if (call !== null) this.done(call);
  }

  private done({ text, answer, failed, trap, messages }: Pending): void {
    if (!failed) this.proxy.answered(text, answer);
    if (trap === null) return;
    const pass = () => {
      for (const each of messages) this.client.write(each);
    };
    if (failed || !trap.didIt(answer)) {
      trap.miss();
      pass();
      return;
    }
    this.after = [];
    void trap.withhold().then((fate) => {
      const after = this.after ?? [];
      this.after = null;
      if (fate === 'is lost' || this.client.destroyed) return this.cut();
      pass();
      for (const each of after) this.tell(each);
    });
  }
}
