import { StringDecoder } from 'node:string_decoder';

/** What is kept of a stream of bytes. */
export interface Captured {
  /** A line in the middle says so where bytes were cut. */
  output: string;
  outputBytes: number;
  cutBytes: number;
}

export interface Capture {
  add(chunk: Buffer): void;
  result(): Captured;
}

/** Keeps the first and the last half of `limit` bytes: what failed is said at either end. */
export function createCapture(limit: number, onOutput?: (text: string) => void): Capture {
  const half = Math.max(1, Math.floor(limit / 2));
  const head: Buffer[] = [];
  let tail: Buffer[] = [];
  let headBytes = 0;
  let tailBytes = 0;
  let outputBytes = 0;
  const decoder = new StringDecoder('utf8');
  const shrink = (joined: Buffer) => joined.subarray(Math.max(0, joined.length - half));
  return {
    add(chunk) {
      outputBytes += chunk.length;
      const first = chunk.subarray(0, half - headBytes);
      const rest = chunk.subarray(first.length);
      headBytes += first.length;
      tailBytes += rest.length;
      if (first.length > 0) head.push(first);
      if (rest.length > 0) tail.push(rest);
      if (tailBytes > 2 * half) {
        tail = [Buffer.from(shrink(Buffer.concat(tail)))];
        tailBytes = tail[0]?.length ?? 0;
      }
      if (onOutput !== undefined) onOutput(decoder.write(chunk));
    },
    result() {
      const last = shrink(Buffer.concat(tail));
      const cutBytes = outputBytes - headBytes - last.length;
      if (cutBytes === 0) {
        return { output: Buffer.concat([...head, last]).toString('utf8'), outputBytes, cutBytes };
      }
      const note = `\n[${cutBytes} of ${outputBytes} bytes cut here; limit ${limit}]\n`;
      const output = Buffer.concat(head).toString('utf8') + note + last.toString('utf8');
      return { output, outputBytes, cutBytes };
    },
  };
}

/** A line that goes on for longer is told without the rest, so that it cannot fill the memory. */
const LINE_CHARS_MAX = 16 * 2 ** 20;

export interface Lines {
  add(chunk: Buffer): void;
  /** Tells the last line, which has no end. */
  end(): void;
}

/** Tells a stream line by line, as the lines are complete. */
export function createLines(onLine: (line: string) => void): Lines {
  const decoder = new StringDecoder('utf8');
  let parts: string[] = [];
  let length = 0;
  const keep = (text: string) => {
    const kept = text.slice(0, LINE_CHARS_MAX - length);
    length += kept.length;
    if (kept !== '') parts.push(kept);
  };
  const tell = () => {
    const line = parts.join('');
    parts = [];
    length = 0;
    onLine(line.endsWith('\r') ? line.slice(0, -1) : line);
  };
  return {
    add(chunk) {
      const [first = '', ...more] = decoder.write(chunk).split('\n');
      keep(first);
      for (const text of more) {
        tell();
        keep(text);
      }
    },
    end() {
      keep(decoder.end());
      if (length > 0) tell();
    },
  };
}
