/** Branded ids. Each is made in one place (the application, as UUIDv7) and believed inside. */
declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

export type TaskId = Branded<'TaskId'>;
export type RunId = Branded<'RunId'>;
export type RepositoryId = Branded<'RepositoryId'>;
/** The slug of an agent: `implementer`. It is the primary key and what people type. */
export type AgentId = Branded<'AgentId'>;
/** SHA-256 of a stored text, 64 hexadecimal digits. */
export type ContentHash = Branded<'ContentHash'>;

/** The short number people use: `42` is shown as `T-42`. */
export const taskLabel = (number: number): string => `T-${number}`;

/** The task number in `T-42`, `t-42` or `42`; null when the text is none of these. */
export function parseTaskLabel(text: string): number | null {
  const digits = /^(?:t-)?(\d{1,12})$/i.exec(text.trim())?.[1];
  return digits === undefined ? null : Number(digits);
}
