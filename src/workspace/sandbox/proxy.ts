import { mkdtemp, readdir, rm } from 'node:fs/promises';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as requestHttp,
  type Server,
  type ServerResponse,
} from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';

/** The only way out of the sandbox: to listed hosts, and what else was asked for is noted. */
export interface HostProxy {
  /** The folder that holds nothing but its socket. */
  folder: string;
  /** The name of the socket in it. */
  socket: string;
  /** Sentences about what was refused, each host once. */
  complaints(): string[];
  close(): Promise<void>;
}

const SOCKET = 'proxy.sock';
const FOLDER = 'mission-net-';
const CONNECTIONS_MAX = 256;
const COMPLAINTS_MAX = 20;
const CONNECT_TIMEOUT_MS = 30_000;

/**
 * A host as it is compared: lower case, with its port.
 * @throws TypeError for what is no host; a pattern is none
 */
export function hostWithPort(host: string): string {
  const [, name, port = '443'] =
    /^([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(\d{1,5}))?$/i.exec(host) ?? [];
  if (name === undefined || Number(port) < 1 || Number(port) > 65_535) {
    throw new TypeError(`${JSON.stringify(host)} is no host; name it as api.example.com:443`);
  }
  return `${name.toLowerCase()}:${Number(port)}`;
}

/** What a CONNECT asks for, when it is listed; nothing is guessed, so nothing slips through. */
export function allowedTarget(
  asked: string,
  hosts: ReadonlySet<string>,
): { host: string; port: number } | null {
  const target = asked.toLowerCase();
  if (!hosts.has(target)) return null;
  const at = target.lastIndexOf(':');
  const host = target.slice(0, at).replace(/^\[|\]$/g, '');
  return { host, port: Number(target.slice(at + 1)) };
}

/** The same for a whole address, as a client without TLS asks its proxy. */
function plainTarget(
  asked: string,
  hosts: ReadonlySet<string>,
): { host: string; port: number; path: string } | null {
  if (!/^http:\/\//i.test(asked) || !URL.canParse(asked)) return null;
  const { hostname, port, pathname, search, username, password } = new URL(asked);
  if (username !== '' || password !== '') return null;
  const target = allowedTarget(`${hostname}:${port || 80}`, hosts);
  return target === null ? null : { ...target, path: pathname + search };
}

/** Opens a proxy for one command. It listens on a Unix socket: no port of the host is taken. */
export async function openProxy(hosts: readonly string[]): Promise<HostProxy> {
  const allowed = new Set(hosts.map(hostWithPort));
  const refused = new Map<string, number>();
  const open = new Set<Duplex>();
  const server = createServer({ maxHeaderSize: 16_384 });
  server.maxConnections = CONNECTIONS_MAX;
  const refuse = (asked: string) => {
    const name = asked.slice(0, 200).replace(/[^\x20-\x7e]/g, '?');
    if (refused.has(name) || refused.size < COMPLAINTS_MAX) {
      refused.set(name, (refused.get(name) ?? 0) + 1);
    }
    return `Mission Control lets this program reach ${[...allowed].join(', ')}, not ${name}\n`;
  };
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => open.delete(socket));
  });
  server.on('request', (request, response) => {
    const target = plainTarget(request.url ?? '', allowed);
    if (target !== null) return forward(request, response, target);
    response.writeHead(403, { 'content-type': 'text/plain', connection: 'close' });
    response.end(refuse(`${request.method} ${request.url}`));
  });
  server.on('connect', (request, near, head) => {
    const asked = request.url ?? '';
    const target = allowedTarget(asked, allowed);
    if (target === null) {
      const text = refuse(asked);
      near.end(`HTTP/1.1 403 Forbidden\r\nContent-Length: ${text.length}\r\n\r\n${text}`);
      return;
    }
    tunnel(near, head, target, open);
  });
  // In the system's own folder: the path of a socket may have 107 bytes, and homes lie deeper.
  const folder = await mkdtemp(join(tmpdir(), FOLDER));
  await listen(server, join(folder, SOCKET));
  return {
    folder,
    socket: SOCKET,
    complaints: () =>
      [...refused].map(([name, count]) => {
        const often = count === 1 ? '' : `, ${count} times`;
        return `the network was refused to ${name}${often}`;
      }),
    async close() {
      for (const each of open) each.destroy();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Removes what workers that were killed have left: folders of sockets that nobody answers at. */
export async function sweepProxies(): Promise<void> {
  for (const name of await readdir(tmpdir()).catch(() => [])) {
    if (!name.startsWith(FOLDER)) continue;
    const folder = join(tmpdir(), name);
    const isDead = await new Promise<boolean>((resolve) => {
      const socket = connect({ path: join(folder, SOCKET) }, () => {
        socket.destroy();
        resolve(false);
      });
      // Of another user, or not yet made: anything but a refusal lets it be.
      socket.once('error', (error: NodeJS.ErrnoException) =>
        resolve(error.code === 'ECONNREFUSED'),
      );
    });
    if (isDead) await rm(folder, { recursive: true, force: true }).catch(() => undefined);
  }
}

/** Meant for the next hop alone, so they end here. */
const HOP_BY_HOP = /^(?:proxy-.*|connection|keep-alive|te|trailer|upgrade)$/;

function endToEnd(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.test(name)));
}

/** A request without TLS, as mirrors inside a house are asked. */
function forward(
  request: IncomingMessage,
  response: ServerResponse,
  target: { host: string; port: number; path: string },
): void {
  const { host, port, path } = target;
  const headers = { ...endToEnd(request.headers), host: `${host}:${port}` };
  const far = requestHttp(
    { host, port, path, method: request.method, headers, timeout: CONNECT_TIMEOUT_MS },
    (answer) => {
      response.writeHead(answer.statusCode ?? 502, endToEnd(answer.headers));
      answer.on('error', () => response.destroy());
      answer.pipe(response);
    },
  );
  far.once('timeout', () => far.destroy(new Error('timed out')));
  far.once('error', () => {
    if (response.headersSent) response.destroy();
    else response.writeHead(502).end();
  });
  response.once('close', () => far.destroy());
  request.pipe(far);
}

function tunnel(
  near: Duplex,
  head: Buffer,
  target: { host: string; port: number },
  open: Set<Duplex>,
): void {
  const far = connect({ ...target, allowHalfOpen: true, timeout: CONNECT_TIMEOUT_MS });
  open.add(far);
  let connected = false;
  far.once('connect', () => {
    connected = true;
    far.setTimeout(0);
    near.write('HTTP/1.1 200 Connection Established\r\n\r\n');
    if (head.length > 0) far.write(head);
    near.pipe(far);
    far.pipe(near);
  });
  far.once('timeout', () => far.destroy(new Error('timed out')));
  far.on('error', () => {
    if (connected) near.destroy();
    else near.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n');
  });
  // Ended and not destroyed: what is still on its way arrives. `close` ends what stays.
  far.once('close', () => {
    open.delete(far);
    near.end();
  });
  near.once('close', () => far.end());
}

async function listen(server: Server, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
}
