import { once } from 'node:events';

/** Work that takes turns: so many at once, the others in the order in which they came. */
export type Turns = ReturnType<typeof createTurns>;

interface Asked {
  readonly signal: AbortSignal;
  /** Told to whoever has to wait. */
  readonly onWait: () => Promise<void>;
}

export function createTurns(atOnce: number) {
  let free = atOnce;
  const line: (() => void)[] = [];
  const leave = () => {
    const next = line.shift();
    if (next === undefined) free++;
    else next(); // whose turn it is takes it over
  };

  async function take({ signal, onWait }: Asked): Promise<void> {
    if (free > 0) {
      free--;
      return;
    }
    const turn = new Promise<void>((resolve) => {
      line.push(resolve);
    });
    const over = new AbortController();
    const aborted = once(signal, 'abort', over).then(() => signal.throwIfAborted());
    aborted.catch(() => undefined);
    try {
      await onWait();
      signal.throwIfAborted();
      await Promise.race([turn, aborted]);
    } catch (error) {
      void turn.then(leave); // who has given up passes it on
      throw error;
    } finally {
      over.abort();
    }
  }

  return async <T>(asked: Asked, work: () => Promise<T>): Promise<T> => {
    asked.signal.throwIfAborted();
    await take(asked);
    try {
      return await work();
    } finally {
      leave();
    }
  };
}
