/** Git over http, as a server of repositories answers it. */
import { execFileSync, spawn } from 'node:child_process';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';

/** Git's own server program, behind the token. */
export async function overHttp(
  root: string,
  token: string,
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
): Promise<void> {
  const basic = `Basic ${Buffer.from(`x-access-token:${token}`).toString('base64')}`;
  if (request.headers.authorization !== basic) {
    response.writeHead(401, { 'www-authenticate': 'Basic realm="GitHub"' }).end();
    return;
  }
  const program = join(
    execFileSync('git', ['--exec-path'], { encoding: 'utf8' }).trim(),
    'git-http-backend',
  );
  const child = spawn(program, {
    env: {
      PATH: process.env.PATH,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      REMOTE_USER: 'x-access-token',
      REQUEST_METHOD: request.method,
      PATH_INFO: url.pathname,
      QUERY_STRING: url.search.slice(1),
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
      GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
    },
  });
  request.pipe(child.stdin);
  const parts: Buffer[] = [];
  for await (const part of child.stdout) parts.push(part as Buffer);
  const all = Buffer.concat(parts);
  const end = all.indexOf('\r\n\r\n');
  const headers = all.subarray(0, end).toString('utf8').split('\r\n');
  const pairs = headers.map((line) => line.split(': ') as [string, string]);
  const status = pairs.find(([name]) => name === 'Status')?.[1] ?? '200';
  const rest = pairs.filter(([name]) => name !== 'Status');
  response.writeHead(Number.parseInt(status, 10), Object.fromEntries(rest));
  response.end(all.subarray(end + 4));
}
