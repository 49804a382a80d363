/** A message of Postgres' protocol; the first one of a client has no type. */
export interface Message {
  /** One letter; empty for the first one. */
  readonly type: string;
  readonly bytes: Buffer;
}

/** Cuts a stream into messages. */
export class Messages {
  private rest = Buffer.alloc(0);
  private started: boolean;

  constructor(from: 'client' | 'server') {
    this.started = from === 'server';
  }

  *of(chunk: Buffer): Generator<Message> {
    this.rest = Buffer.concat([this.rest, chunk]);
    for (;;) {
      const head = this.started ? 1 : 0;
      if (this.rest.length < head + 4) return;
      const length = head + this.rest.readUInt32BE(head);
      if (this.rest.length < length) return;
      const bytes = this.rest.subarray(0, length);
      this.rest = this.rest.subarray(length);
      yield { type: this.started ? String.fromCharCode(bytes[0] ?? 0) : '', bytes };
      this.started = true;
    }
  }
}

const HEAD = 5;

/** `Parse`: a statement is given a name. */
export function readParse({ bytes }: Message): { name: string; text: string } {
  const name = textAt(bytes, HEAD);
  const text = textAt(bytes, name.end);
  return { name: name.text, text: text.text };
}

/** `Bind`: a named statement is given its values, as text. */
export function readBind({ bytes }: Message): { name: string; values: string[] } {
  const portal = textAt(bytes, HEAD);
  const name = textAt(bytes, portal.end);
  let at = name.end + 2 + 2 * bytes.readUInt16BE(name.end);
  const count = bytes.readUInt16BE(at);
  at += 2;
  const values: string[] = [];
  for (let index = 0; index < count; index++) {
    const length = Math.max(bytes.readInt32BE(at), 0);
    values.push(bytes.toString('utf8', at + 4, at + 4 + length));
    at += 4 + length;
  }
  return { name: name.text, values };
}

function textAt(bytes: Buffer, start: number): { text: string; end: number } {
  const end = bytes.indexOf(0, start);
  return { text: bytes.toString('utf8', start, end), end: end + 1 };
}
