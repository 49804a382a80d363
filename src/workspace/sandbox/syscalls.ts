/** Numbers of an architecture, as the kernel has them. */
interface Architecture {
  audit: number;
  /** Calls of another binary interface begin here; they would pass under other numbers. */
  foreignFrom: number | null;
  denied: readonly number[];
}

/**
 * Calls that are answered as by a kernel without them. The first three reach keys of the user
 * outside, whom no namespace hides; the others are ways into the kernel that agents' programs do
 * without: bpf, userfaultfd, perf_event_open, io_uring.
 */
const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  x64: {
    audit: 0xc000003e,
    foreignFrom: 0x40000000,
    denied: [248, 249, 250, 321, 323, 298, 425, 426, 427],
  },
  arm64: {
    audit: 0xc00000b7,
    foreignFrom: null,
    denied: [217, 218, 219, 280, 282, 241, 425, 426, 427],
  },
};

const [LOAD, EQUAL, AT_LEAST, RETURN] = [0x20, 0x15, 0x35, 0x06];
const [ALLOW, NOT_THERE, KILL] = [0x7fff0000, 0x00050000 | 38, 0x80000000];
const [NUMBER_AT, ARCHITECTURE_AT] = [0, 4];

/** The filter as the kernel reads it; null for an architecture whose numbers are not known here. */
export function seccompFilter(architecture: string): Uint8Array | null {
  const found = ARCHITECTURES[architecture];
  if (found === undefined) return null;
  const { audit, foreignFrom, denied } = found;
  // A program for another architecture would pass under other numbers, so it is ended.
  // A jump tells how many instructions are left out; the answers stand at the end.
  const tests: (readonly [code: number, value: number])[] = [
    ...(foreignFrom === null ? [] : [[AT_LEAST, foreignFrom] as const]),
    ...denied.map((number) => [EQUAL, number] as const),
  ];
  const program = [
    instruction(LOAD, ARCHITECTURE_AT),
    instruction(EQUAL, audit, 1, 0),
    instruction(RETURN, KILL),
    instruction(LOAD, NUMBER_AT),
    ...tests.map(([code, value], index) => instruction(code, value, tests.length - index)),
    instruction(RETURN, ALLOW),
    instruction(RETURN, NOT_THERE),
  ];
  return Buffer.concat(program);
}

function instruction(code: number, value: number, ifTrue = 0, ifFalse = 0): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(code, 0);
  bytes.writeUInt8(ifTrue, 2);
  bytes.writeUInt8(ifFalse, 3);
  bytes.writeUInt32LE(value >>> 0, 4);
  return bytes;
}
