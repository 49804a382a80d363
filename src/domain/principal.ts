/** Who acts: `person:ann`. One word, of which nothing is unseen, so that it can stand in a line. */
const PRINCIPAL = /^(?:person|token|agent|policy|system):[^\s\p{C}]{1,100}$/u;
/** Who may file a task: what the house itself does is no task. */
const OWNER = /^(?:person|token|agent):/;

export const isOwner = (text: string): boolean => PRINCIPAL.test(text) && OWNER.test(text);

/** Only people hold rights over a task's course. */
export const isPerson = (text: string): boolean => /^person:\S/.test(text);

/** A name as whoever sent it straight to Temporal wrote it, made one that can stand in a line. */
export function asPrincipal(text: string): string {
  if (PRINCIPAL.test(text)) return text;
  return [...text.replace(/[\s\p{C}]+/gu, '-')].slice(0, 107).join('');
}
