import { once } from 'node:events';
import {
  type ClientHttp2Session,
  connect,
  constants,
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { deferred } from './deferred.js';
import type { Trap } from './trap.js';

/** What stands between a worker and Temporal; it outlives both. */
export interface TemporalProxy {
  readonly address: string;
  trap: Trap | null;
  close(): Promise<void>;
}

interface Answer {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** null: all of it was in the headers. */
  readonly trailers: IncomingHttpHeaders | null;
}

/** All calls are unary, so each is read whole, sent on, and its answer likewise. */
export async function openTemporalProxy(serverPort: number): Promise<TemporalProxy> {
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer();
  server.on('session', (client) => {
    sessions.add(client);
    client.once('close', () => sessions.delete(client));
    const upstream = connect(`http://127.0.0.1:${serverPort}`);
    // What ends one ends the other, as if there were nothing in between.
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
    client.on('stream', (stream, headers) => {
      stream.on('error', () => undefined);
      void pass(stream, headers, upstream, () => proxy.trap).catch(() => stream.close());
    });
  });
  server.on('sessionError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy: TemporalProxy = {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    trap: null,
    async close() {
      for (const session of sessions) session.destroy();
      server.close();
      await once(server, 'close');
    },
  };
  return proxy;
}

async function pass(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  upstream: ClientHttp2Session,
  currentTrap: () => Trap | null,
): Promise<void> {
  const body = await readAll(stream);
  const method = String(headers[':path']).split('/').at(-1);
  const trap = currentTrap();
  const call = { server: 'temporal', text: `${method}\n${textOf(body)}` } as const;
  const taken = trap?.takes(call) ? trap : null;
  const lost = async () => (await taken?.withhold()) === 'is lost' || stream.destroyed;
  if (taken?.moment === 'before' && (await lost())) return stream.close();
  const answer = await ask(upstream, headers, body, stream);
  if (taken?.moment === 'after') {
    const status = (answer.trailers ?? answer.headers)['grpc-status'];
    if (status !== '0' || !taken.didIt(textOf(answer.body))) taken.miss();
    else if (await lost()) return stream.close();
  }
  if (!stream.destroyed) tell(stream, answer);
}

async function ask(
  upstream: ClientHttp2Session,
  headers: IncomingHttpHeaders,
  body: Buffer,
  asker: ServerHttp2Stream,
): Promise<Answer> {
  const request = upstream.request(withoutConnection(headers));
  // Else a dead worker's poll would take work that nobody does.
  asker.once('close', () => request.close(constants.NGHTTP2_CANCEL));
  const answer = deferred<IncomingHttpHeaders>();
  let trailers: IncomingHttpHeaders | null = null;
  request.once('response', answer.resolve);
  request.on('trailers', (given) => {
    trailers = given;
  });
  request.once('error', answer.reject);
  request.once('close', () => answer.reject(new Error('closed without an answer')));
  request.end(body);
  const told = await answer.promise;
  const chunks = await readAll(request);
  return { headers: told, body: chunks, trailers };
}

function tell(stream: ServerHttp2Stream, { headers, body, trailers }: Answer): void {
  if (trailers === null) {
    stream.respond(headers, { endStream: true });
    return;
  }
  const last = trailers;
  stream.respond(headers, { waitForTrailers: true });
  stream.once('wantTrailers', () => stream.sendTrailers(withoutConnection(last)));
  stream.end(body);
}

async function readAll(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const withoutConnection = ({ ':authority': authority, ...headers }: IncomingHttpHeaders) => ({
  ...headers,
  ...(authority === undefined ? {} : { ':authority': authority }),
});

/** What a message says: the text in it stands as it is, unless the frame is compressed. */
function textOf(body: Buffer): string {
  if (body.length < 5) return '';
  const message = body.subarray(5);
  return (body[0] === 1 ? gunzipSync(message) : message).toString('utf8');
}
