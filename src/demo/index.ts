import type { Config } from '../config.js';
import type { Addresses, Stack } from '../dev/stack.js';
import { readState } from '../dev/state.js';
import { limited, reseeded } from './limits-scene.js';
import { killed, led, reviewed, type Scene, spawned } from './scenes.js';
import { makeFolder, removeFolder, setStage } from './stage.js';
import { summarise } from './summary.js';

export interface DemoOptions {
  readonly config: Config;
  readonly say: (line: string) => void;
  /** Brings the stack up on the demo's own home, with its scenario folder. */
  readonly bringUp: (
    home: string,
    scenarios: string,
    say: (line: string) => void,
  ) => Promise<Stack>;
}

export interface Demo {
  /** Claims that were false; empty when all that was said is true. */
  readonly broken: readonly string[];
  readonly home: string;
  readonly stack: Stack;
  /** Ends the stack and removes the demo's folder. */
  end(): Promise<void>;
}

const scenesOf = ({ databaseUrl }: Addresses): readonly Scene[] => [
  reviewed,
  led,
  spawned,
  limited,
  killed,
  reseeded(databaseUrl),
];

/** Plays the whole story on a stack and a repository of its own; what it claims, it checks. */
export async function runDemo({ config, say, bringUp }: DemoOptions): Promise<Demo> {
  const { home, repository, scenarios } = await makeFolder();
  let stack: Stack | null = null;
  // What the stack tells while a scene is played is part of that scene.
  let indent = '';
  const end = async () => {
    await stack?.stop();
    await removeFolder(home);
  };
  try {
    stack = await bringUp(home, scenarios, (line) => say(indent + line));
    const { addresses } = stack;
    await using stage = await setStage({
      addresses,
      repository,
      say,
      taskQueue: config.taskQueue,
      workerPid: () => readState(home)?.workers[0]?.process.pid ?? null,
    });
    indent = '   ';
    for (const [index, { title, play }] of scenesOf(addresses).entries()) {
      say(`\n${index + 1}. ${title}`);
      await play(stage);
    }
    say('\nWhat the records say');
    await summarise(stage);
    return { broken: stage.broken, home, stack, end };
  } catch (error) {
    await end();
    throw error;
  }
}
