import { createServer } from 'node:net';
import getPort from 'get-port';

const HOST = '127.0.0.1';

/**
 * A port that is free on 127.0.0.1: the first free one of `preferred`, else any.
 * (get-port alone refuses, for half a minute, a port that it gave before: it could not give a
 * restarted server its old one.)
 */
export async function choosePort(preferred: readonly (number | null | undefined)[]) {
  for (const port of preferred) {
    if (typeof port === 'number' && (await isFree(port))) return port;
  }
  return getPort({ host: HOST });
}

/** Whether nobody listens on 127.0.0.1 at this port. */
export async function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: HOST, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
