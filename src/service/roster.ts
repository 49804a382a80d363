import type { Database } from '../../drizzle/db.js';
import { type AgentRow, readAgents } from '../../drizzle/read-house.js';

type Share = Pick<AgentRow, 'id' | 'running' | 'queued' | 'chargedToday'>;

/** The squad as people count it: what canaries hold, wait with and were charged is left out. */
export async function squadOf(database: Database): Promise<AgentRow[]> {
  const [agents, shares] = await Promise.all([readAgents(database), readShares(database)]);
  return agents.map((agent) => {
    const share = shares.find(({ id }) => id === agent.id);
    if (share === undefined) return agent;
    // Two reads: of what has just ended or begun, one of them may know less.
    const without = (field: 'running' | 'queued' | 'chargedToday') =>
      Math.max(0, agent[field] - share[field]);
    const [running, queued] = [without('running'), without('queued')];
    return { ...agent, running, queued, chargedToday: without('chargedToday') };
  });
}

const readShares = ({ sql }: Database): Promise<Share[]> => sql<Share[]>`
  select r.agent_id as id,
    (count(*) filter (where r.state in ('ADMITTED', 'RUNNING')))::integer as running,
    (count(*) filter (where r.state = 'QUEUED'))::integer as queued,
    (count(*) filter (where r.charged and r.day = day_of(clock_timestamp())))::integer
      as "chargedToday"
  from runs r join tasks t on t.id = r.task_id
  where t.canary and r.agent_id is not null group by r.agent_id`;
