import { z } from 'zod';
import type { McpServers } from '../domain/program.js';
import { InvalidInput, parse } from './problems.js';

const name = z.string().regex(/^[A-Za-z0-9_-]{1,60}$/, 'letters, digits, `_` and `-`, at most 60');

const server = z
  .strictObject({
    type: z.enum(['stdio', 'http', 'sse']).optional(),
    command: z.string().min(1).optional(),
    args: z.array(z.string()).optional(),
    // Mostly keys: they would be read in the agent's row, and in the list of processes.
    env: z
      .record(z.string(), z.string())
      .refine((values) => Object.keys(values).length === 0, {
        error:
          'expected none: its values would stand in the records and on the command line of the ' +
          'agent; take env out',
      })
      .optional(),
    url: z.url().optional(),
  })
  .refine(({ command, url }) => (command === undefined) !== (url === undefined), {
    error: 'expected a command to start, or a url, and not both',
  });

const file = z.strictObject({ mcpServers: z.record(name, server) });

/**
 * Reads the servers that an agent may use, in the form that coding agents have for them.
 * @throws Error that names the field, the value and what is expected
 */
export function parseMcpServers(text: string): McpServers {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`it is no JSON: ${error instanceof Error ? error.message : error}`);
  }
  const parsed = parse(file, value, 'file');
  if (!parsed.ok) throw new InvalidInput(parsed.problems);
  return parsed.value.mcpServers;
}
