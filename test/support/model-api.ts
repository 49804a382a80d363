import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

/** What the model behind the interface says in one answer. */
export type Said =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'tool'; readonly name: string; readonly input: object }
  | {
      readonly kind: 'error';
      readonly status: number;
      readonly headers?: Record<string, string>;
      readonly error?: object;
    };

/** One question of a program, as far as a test looks at it. */
export interface Asked {
  readonly path: string;
  readonly authorization: string;
  readonly tools: readonly string[];
  /** The whole body as text. */
  readonly body: string;
}

export interface ModelApi {
  readonly url: string;
  readonly asked: readonly Asked[];
  close(): Promise<void>;
}

const USAGE = { input: 1000, output: 50, cacheRead: 300, cacheWrite: 20 };

/**
 * A provider on loopback that speaks the two streams of events which Claude Code (`/v1/messages`)
 * and Codex (`/responses`) read. `answer` is asked for each question about work, in their order.
 */
export async function openModelApi(
  answer: (number: number, asked: Asked) => Said,
): Promise<ModelApi> {
  const asked: Asked[] = [];
  let number = 0;
  const server = createServer((request, response) => {
    void (async () => {
      // Codex tries a web socket first, and goes on without one.
      if (request.method !== 'POST') return response.writeHead(426).end();
      const one = await read(request);
      asked.push(one);
      const isWork = one.tools.length > 0;
      const said = isWork ? answer(++number, one) : ({ kind: 'text', text: 'ok' } as const);
      if (said.kind === 'error') fail(response, said);
      else if (one.path.includes('/responses')) sayAsResponses(response, said, number);
      else sayAsMessages(response, said, number);
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

async function read(request: IncomingMessage): Promise<Asked> {
  const body = (await json(request).catch(() => ({}))) as Record<string, unknown>;
  const tools = Array.isArray(body.tools) ? (body.tools as { name?: string }[]) : [];
  return {
    path: request.url ?? '',
    authorization: request.headers.authorization ?? String(request.headers['x-api-key'] ?? ''),
    tools: tools.flatMap(({ name }) => (name === undefined ? [] : [name])),
    body: JSON.stringify(body),
  };
}

function fail(response: ServerResponse, said: Said & { kind: 'error' }): void {
  const type = said.status === 429 ? 'rate_limit_error' : 'api_error';
  const error = said.error ?? { type, message: 'the test says no' };
  response.writeHead(said.status, { 'content-type': 'application/json', ...said.headers });
  response.end(JSON.stringify({ type: 'error', error }));
}

function stream(response: ServerResponse, events: readonly { readonly type: string }[]): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const event of events) {
    response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  }
  response.end();
}

type Spoken = Exclude<Said, { kind: 'error' }>;

function sayAsMessages(response: ServerResponse, said: Spoken, number: number): void {
  const isText = said.kind === 'text';
  const block = isText
    ? { type: 'text', text: '' }
    : { type: 'tool_use', id: `toolu_${number}`, name: said.name, input: {} };
  const delta = isText
    ? { type: 'text_delta', text: said.text }
    : { type: 'input_json_delta', partial_json: JSON.stringify(said.input) };
  const usage = {
    input_tokens: USAGE.input,
    cache_read_input_tokens: USAGE.cacheRead,
    cache_creation_input_tokens: USAGE.cacheWrite,
  };
  const message = {
    ...{ id: `msg_${number}`, type: 'message', role: 'assistant', model: 'claude-sonnet-5-5' },
    ...{ content: [], stop_reason: null, stop_sequence: null },
    usage: { ...usage, output_tokens: 1 },
  };
  const end = { stop_reason: isText ? 'end_turn' : 'tool_use', stop_sequence: null };
  stream(response, [
    { type: 'message_start', message } as { type: string },
    { type: 'content_block_start', index: 0, content_block: block } as { type: string },
    { type: 'content_block_delta', index: 0, delta } as { type: string },
    { type: 'content_block_stop', index: 0 } as { type: string },
    {
      ...{ type: 'message_delta', delta: end },
      ...{ usage: { ...usage, output_tokens: USAGE.output } },
    },
    { type: 'message_stop' },
  ]);
}

function sayAsResponses(response: ServerResponse, said: Spoken, number: number): void {
  const id = `resp_${number}`;
  const item =
    said.kind === 'text'
      ? {
          ...{ type: 'message', role: 'assistant', id: `msg_${number}` },
          content: [{ type: 'output_text', text: said.text, annotations: [] }],
        }
      : {
          ...{ type: 'function_call', id: `fc_${number}`, call_id: `call_${number}` },
          ...{ name: said.name, arguments: JSON.stringify(said.input) },
        };
  const input = USAGE.input + USAGE.cacheRead;
  const usage = {
    input_tokens: input,
    input_tokens_details: { cached_tokens: USAGE.cacheRead },
    output_tokens: USAGE.output,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: input + USAGE.output,
  };
  stream(response, [
    { type: 'response.created', response: { id } } as { type: string },
    { type: 'response.output_item.done', output_index: 0, item } as { type: string },
    { type: 'response.completed', response: { id, output: [item], usage } } as { type: string },
  ]);
}
