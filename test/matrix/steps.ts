import {
  alone,
  approval,
  contended,
  landing,
  pair,
  revised,
  type Story,
  spawning,
  unstarted,
} from './stories.js';
import type { Place } from './trap.js';

/** A named step of a task's life: what passes it, and how it shows on the wire. */
interface Step extends Place {
  readonly story: Story;
}

/** A SQL function that is called, with words among its arguments. */
const sql = (name: string, argument = ''): Pick<Step, 'server' | 'says'> => ({
  server: 'postgres',
  says: new RegExp(`^select "?${name}"?\\([^]*${argument}`),
});

const rpc = (method: string, message: string): Pick<Step, 'server' | 'says'> => ({
  server: 'temporal',
  says: new RegExp(`^${method}\\n[^]*${message}`),
});

export const STEPS = {
  registered: { ...sql('begin_task'), story: pair },
  admitted: { ...sql('apply_verb', '"verb":"approve"'), story: approval },
  'run queued': { ...sql('open_runs'), story: approval },
  'run promoted': { ...sql('close_run'), answers: /"wake": \[\{/, story: contended },
  'signal sent': { ...rpc('SignalWorkflowExecution', 'runPromoted'), story: contended },
  'attempt started': { ...sql('begin_attempt'), story: alone },
  'checkpoint stored': { ...sql('save_progress'), story: alone },
  'result stored': { server: 'postgres', says: /^insert into "contents"/, story: alone },
  'run closed': { ...sql('close_run', '"outcome":"succeeded"'), story: pair },
  'verdict recorded': { ...sql('close_run', '"verdictKind":"REVISION"'), story: revised },
  'child filed': { ...sql('file_followups', 'Follow-up of task'), story: spawning },
  landed: { ...sql('close_landing', '"outcome":"landed"'), story: landing },
  finished: {
    ...rpc('RespondWorkflowTaskCompleted', '"status":"DONE","cycles":'),
    story: alone,
  },
  'upkeep pass': { ...sql('unstarted_tasks'), answers: /workflowId/, story: unstarted },
} as const satisfies Record<string, Step>;

export type StepName = keyof typeof STEPS;
export const STEP_NAMES = Object.keys(STEPS) as readonly StepName[];
export const stepOf = (name: StepName): Step => STEPS[name];
