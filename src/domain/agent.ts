/** `LEAD` always waits for a person's approval; no policy value can change that. */
export const AGENT_TYPES = ['LEAD', 'SPC', 'INT'] as const;
export type AgentType = (typeof AGENT_TYPES)[number];

export const BACKENDS = ['scripted', 'command', 'anthropic'] as const;
export type BackendKind = (typeof BACKENDS)[number];
