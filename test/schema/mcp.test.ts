import { expect, test } from 'vitest';
import { parseMcpServers } from '../../src/schema/mcp.js';

const fileOf = (docs: object) => JSON.stringify({ mcpServers: { docs } });

test('values of variables are refused, and not repeated: they would be stored', () => {
  const parsing = () => parseMcpServers(fileOf({ command: 'docs', env: { TOKEN: 'the-key' } }));
  expect(parsing).toThrow(/docs\.env.* would stand in the records and on the command line/);
  expect(parsing).not.toThrow(/the-key/);
});

test('a server without them is taken', () => {
  const server = { command: 'docs', env: {} };
  expect(parseMcpServers(fileOf(server))).toEqual({ docs: server });
});
