const DAY = 86_400;
const UNITS: Readonly<Record<string, number>> = { day: DAY, hour: 3600, minute: 60, second: 1 };

/**
 * Seconds until the moment that words name: `try again in 2 days 3 hours`, or an hour of the day
 * in UTC, `try again at 11:42 PM`, then the next such hour. Null where they name none.
 */
export function resetIn(message: string, now: number): number | null {
  const span = /try again in ((?:\d+ (?:day|hour|minute|second)s?[, ]*)+)/i.exec(message)?.[1];
  if (span !== undefined) {
    const parts = [...span.matchAll(/(\d+) (day|hour|minute|second)/gi)];
    return parts.reduce((sum, [, many, unit = '']) => {
      return sum + Number(many) * (UNITS[unit.toLowerCase()] ?? 0);
    }, 0);
  }
  const date = '(?:([A-Z][a-z]{2}) (\\d{1,2})(?:st|nd|rd|th)?, (\\d{4}) )?';
  const at = new RegExp(`try again at ${date}(\\d{1,2}):(\\d{2}) ([AP])M`);
  const [found, month, day, year, hour, minute, half] = at.exec(message) ?? [];
  if (found === undefined) return null;
  const seconds = ((Number(hour) % 12) + (half === 'P' ? 12 : 0)) * 3600 + Number(minute) * 60;
  if (month === undefined) return (seconds - (now % DAY) + DAY) % DAY;
  const moment = Date.parse(`${month} ${day}, ${year} UTC`) / 1000 + seconds;
  return Number.isFinite(moment) ? Math.max(0, moment - now) : null;
}
