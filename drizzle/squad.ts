import type { AgentType } from '../src/domain/agent.js';

interface SeededAgent {
  readonly id: string;
  readonly name: string;
  readonly type: AgentType;
  readonly reviews: boolean;
  readonly model: string;
  readonly instructions: string;
}

const EXECUTE =
  'Read the criteria first. Make the smallest change that meets them, follow the code around it, ' +
  'run the checks, and ask rather than guess when two readings differ in outcome.';
const REVIEW =
  'The report is a claim, the work is the evidence. Look for what is missing, extra or ' +
  'misunderstood. What you have not read is not approved.';
const LEAD =
  'Split the goal into tasks that one agent can finish, and say what done means for each.';

/** The squad of a new installation: two lead, five are specialists, two are interns. */
export const SQUAD: readonly SeededAgent[] = [
  agent('lead', 'Lead', 'LEAD', false, LEAD),
  agent('architect', 'Architect', 'LEAD', false, LEAD),
  agent('implementer', 'Implementer', 'SPC', false, EXECUTE),
  agent('reviewer', 'Reviewer', 'SPC', true, REVIEW),
  agent('tester', 'Tester', 'SPC', true, `${REVIEW} ${EXECUTE}`),
  agent('writer', 'Writer', 'SPC', false, EXECUTE),
  agent('operator', 'Operator', 'SPC', false, EXECUTE),
  agent('researcher', 'Researcher', 'INT', false, EXECUTE),
  agent('intern', 'Intern', 'INT', false, EXECUTE),
];

function agent(
  id: string,
  name: string,
  type: AgentType,
  reviews: boolean,
  instructions: string,
): SeededAgent {
  const model = reviews ? 'claude-opus-5-5' : 'claude-sonnet-5-5';
  return { id, name, type, reviews, model, instructions };
}
