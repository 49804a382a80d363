import { InvalidArgumentError } from 'commander';

const DAY = 86_400;

/** Seconds as an option is given them. */
export function seconds(text: string): number {
  const value = Number(text);
  if (value > 0 && value <= DAY) return value;
  throw new InvalidArgumentError(`"${text}": expected seconds, more than 0 and up to ${DAY}.`);
}
