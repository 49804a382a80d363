/** Which paths a stored history has taken: one fact for each thing that happened. */
import { carriedBy, type StoredHistory } from '../support/histories.js';

interface Standing {
  readonly blocked?: string | null;
  readonly opened?: readonly { readonly state: string; readonly wait: string | null }[];
  readonly runs?: readonly { state: string; verdict: string | null; superseded: boolean }[];
  readonly admission?: { readonly kind: string; readonly by?: string };
}
interface Carried extends Standing {
  readonly standing?: Standing;
  readonly kind?: string;
  readonly outcome?: string;
  readonly status?: string;
  readonly message?: string;
  readonly error?: string | null;
  readonly resolved?: { readonly step: string; readonly resolution: string } | null;
}

export function pathsOf(history: StoredHistory): Set<string> {
  const paths = new Set<string>();
  for (const event of history.events) for (const path of ofEvent(event)) paths.add(path);
  for (const [what, value] of carriedBy(history)) {
    paths.add(what);
    const { answers } = (value ?? {}) as { answers?: readonly Carried[] };
    for (const answer of answers ?? []) {
      for (const path of ofValue('result of applyVerb', answer)) paths.add(path);
    }
    for (const path of ofValue(what, (value ?? {}) as Carried)) paths.add(path);
  }
  return paths;
}

function ofEvent(event: StoredHistory['events'][number]): string[] {
  const key = Object.keys(event).find((each) => each.endsWith('EventAttributes')) ?? '';
  const attributes = event[key] as {
    readonly workflowType?: { readonly name: string };
    readonly failure?: { readonly applicationFailureInfo?: { readonly type: string } };
  };
  switch (event.eventType) {
    case 'EVENT_TYPE_WORKFLOW_EXECUTION_STARTED':
      return [`workflow ${attributes.workflowType?.name}`];
    case 'EVENT_TYPE_WORKFLOW_EXECUTION_FAILED':
      return [`fails with ${attributes.failure?.applicationFailureInfo?.type}`];
    case 'EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED':
      return ['cancelled in Temporal'];
    case 'EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW':
      return ['goes on in a new history'];
    default:
      return [];
  }
}

function ofValue(what: string, value: Carried): string[] {
  const stand: Standing = value.standing ?? value;
  const paths = whereItStands(stand);
  const admission = value.admission ?? (what === 'result of decideAgain' ? value : undefined);
  const { kind, by } = (admission ?? {}) as { kind?: string; by?: string };
  if (kind !== undefined) paths.push(`${kind}${by ? ` by ${by.split(':')[0]}` : ''}`);
  if (what === 'result of beginTask' && stand.runs?.some(({ state }) => state === 'SUCCEEDED')) {
    paths.push('re-entered');
  }
  if (what === 'result of the task') paths.push(`ends ${value.status}`);
  if (what.startsWith('result of perform') || what === 'result of settleReviews') {
    paths.push(`${what.slice('result of '.length)}: ${value.outcome ?? value.kind}`);
  }
  if (what.startsWith('result of land')) paths.push(`land: ${value.kind}`);
  if (what === 'result of applyVerb' || what === 'result of update') {
    if (value.message?.startsWith('cancel: asked')) paths.push(`cancelled in ${value.status}`);
    if (value.error) paths.push(`refused as ${value.error}`);
    const [step] = value.resolved?.step.split(' ') ?? [];
    if (step) paths.push(`${step} ended by ${value.resolved?.resolution}`);
  }
  return paths;
}

function whereItStands({ blocked, opened, runs }: Standing): string[] {
  const paths = blocked ? [`blocked: ${blocked}`] : [];
  for (const { state, wait } of Array.isArray(opened) ? opened : []) {
    if (state === 'QUEUED' && wait) paths.push(`waits: ${wait}`);
  }
  for (const { verdict, superseded } of Array.isArray(runs) ? runs : []) {
    if (verdict) paths.push(`verdict ${verdict}`);
    if (superseded) paths.push('superseded');
  }
  return paths;
}
