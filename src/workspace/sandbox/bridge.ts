/** Where programs in the sandbox find the proxy. */
const PORT = 3128;

/** The program in front of another one that is to reach the network. */
export interface Bridge {
  /** The start of the command line: the command itself follows. */
  command: string[];
  environment: Record<string, string>;
}

/**
 * The bridge runs inside. Nothing there has a network but its own loopback, so it listens there,
 * hands every connection to the proxy's socket, and starts the command. A listed host that is on
 * the loopback, such as a model server of this machine, is found at its own port, without a proxy.
 * It takes: the socket, the ports as JSON, the command.
 */
const SCRIPT = `
const net = require('node:net');
const { spawn } = require('node:child_process');
const [socket, listeners, file, ...args] = process.argv.slice(1);
const listen = ({ port, target }) => new Promise((ready, failed) => {
  const server = net.createServer({ allowHalfOpen: true }, (near) => {
    const far = net.connect({ path: socket, allowHalfOpen: true });
    const end = () => { near.destroy(); far.destroy(); };
    near.on('error', end);
    far.on('error', end);
    const join = () => { near.pipe(far); far.pipe(near); };
    if (target === null) return join();
    far.write('CONNECT ' + target + ' HTTP/1.1\\r\\nHost: ' + target + '\\r\\n\\r\\n');
    let answer = '';
    far.on('data', function hear(chunk) {
      answer += chunk.toString('latin1');
      const at = answer.indexOf('\\r\\n\\r\\n');
      if (at < 0) return;
      far.off('data', hear);
      far.pause();
      if (!answer.startsWith('HTTP/1.1 200 ')) return end();
      const rest = Buffer.from(answer.slice(at + 4), 'latin1');
      if (rest.length > 0) near.write(rest);
      join();
    });
  });
  server.once('error', failed);
  server.listen(port, '127.0.0.1', ready);
});
Promise.all(JSON.parse(listeners).map(listen)).then(() => {
  const child = spawn(file, args, { stdio: 'inherit' });
  child.once('error', (error) => { console.error(String(error)); process.exit(127); });
  child.once('exit', (code, signal) => {
    process.exit(code ?? 128 + require('node:os').constants.signals[signal]);
  });
}, (error) => { console.error('the bridge: ' + error); process.exit(126); });
`;

/**
 * Makes the bridge for the listed hosts.
 * @param node the Node that runs it, which must be visible inside
 */
export function bridgeTo(hosts: readonly string[], node: string, socket: string): Bridge {
  const local = hosts.flatMap((host) => {
    const [, name, port] = /^(localhost|127\.0\.0\.1):(\d+)$/.exec(host) ?? [];
    return name === undefined ? [] : [{ port: Number(port), target: host }];
  });
  const taken = new Set(local.map(({ port }) => port));
  const port = [PORT, PORT + 1, ...taken].find((each) => !taken.has(each)) ?? PORT;
  const proxy = `http://127.0.0.1:${port}`;
  const direct = 'localhost,127.0.0.1,::1';
  return {
    command: [node, '-e', SCRIPT, '--', socket, JSON.stringify([{ port, target: null }, ...local])],
    environment: {
      ...{ HTTPS_PROXY: proxy, https_proxy: proxy, HTTP_PROXY: proxy, http_proxy: proxy },
      ...{ NO_PROXY: direct, no_proxy: direct },
    },
  };
}
