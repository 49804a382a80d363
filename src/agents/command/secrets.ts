import { hiding, hidingIn, type Secrets } from '../../domain/secrets.js';
import type { RunHooks, RunOutcome } from '../backend.js';

/**
 * What a program is given as a secret leaves the backend in no event, transcript or outcome. Of its
 * standard error parts are told, and a part of a secret would not be known as one.
 */
export function withoutSecrets(secrets: Secrets, hooks: RunHooks) {
  const hide = hiding(secrets);
  const inside = hidingIn(hide);
  const { effects, remember } = hooks;
  const told: RunHooks = {
    signal: hooks.signal,
    onEvent: (event) => hooks.onEvent(inside(event)),
    checkpoint: (turn, transcript) => hooks.checkpoint(turn, inside(transcript)),
    ...(remember && { remember: (transcript: unknown) => remember(inside(transcript)) }),
    effects: {
      ...effects,
      async start(program, options) {
        const end = await effects.start(program, options);
        return { ...end, stderr: hide(end.stderr) };
      },
    },
  };
  return { hooks: told, outcome: (outcome: RunOutcome): RunOutcome => inside(outcome) };
}
