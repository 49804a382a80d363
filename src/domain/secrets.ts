import { type AgentProgram, PRESET_FACTS, type Variable, variablesFor } from './program.js';

/** Values that may stand in no record, by the name of their variable. */
export type Secrets = Readonly<Record<string, string>>;

/** Shorter ones are no keys, and would be found in every other word. */
const SHORTEST = 8;

/** What a program is given that may be a secret: its login, and what a person let it find. */
export function secretsFor(program: AgentProgram, variable: Variable): Secrets {
  const { endpoint } = PRESET_FACTS[program.preset];
  return Object.fromEntries(
    Object.entries(variablesFor(program, variable)).map(([name, value]) => {
      // Of an address the password alone is one.
      const [, password = ''] = /^\w+:\/\/[^/@]*?:([^/]*)@/.exec(value) ?? [];
      return [name, name === endpoint?.variable ? password : value];
    }),
  );
}

/**
 * A function that puts `[secret NAME]` where a value stands in a text: as it is, as URL, JSON, hex
 * or base64 write it. It keeps a key out of the records that is printed by mistake. Whoever wants
 * to hide one finds a form that is not known here.
 */
export function hiding(secrets: Secrets): (text: string) => string {
  const forms = Object.entries(secrets)
    .flatMap(([name, value]) => formsOf(value).map((form) => ({ form, name })))
    .filter(({ form }) => form.length >= SHORTEST)
    .sort((one, other) => other.form.length - one.form.length); // one may be part of another
  return (text) =>
    forms.reduce((so, { form, name }) => so.replaceAll(form, () => `[secret ${name}]`), text);
}

/** The same for every text in a value of plain JSON. */
export function hidingIn(hide: (text: string) => string): <T>(value: T) => T {
  const inside = (value: unknown): unknown => {
    if (typeof value === 'string') return hide(value);
    if (Array.isArray(value)) return value.map(inside);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, each]) => [hide(key), inside(each)] as const),
    );
  };
  return <T>(value: T) => inside(value) as T;
}

/** Lines too: what a program prints is heard line by line. */
function formsOf(value: string): string[] {
  const parts = [value, ...value.split(/\r?\n/)].filter((part) => part.length >= SHORTEST);
  return [...new Set(parts)].flatMap((part) => {
    const bytes = Buffer.from(part);
    const base64 = [0, 1, 2].map((before) => base64Of(bytes, before));
    const urls = base64.map((each) => each.replaceAll('+', '-').replaceAll('/', '_'));
    const hex = bytes.toString('hex');
    const written = [encodeURIComponent(part.toWellFormed()), JSON.stringify(part).slice(1, -1)];
    return [...new Set([part, ...written, hex, hex.toUpperCase(), ...base64, ...urls])];
  });
}

/** The characters that depend on these bytes alone, with as many others in front of them. */
function base64Of(bytes: Buffer, before: number): string {
  const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
  return text.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
}
