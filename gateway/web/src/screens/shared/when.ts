/**
 * Times of day and days, in the person's own language and zone.
 *
 * **Invariant:** a formatter is made once for each language.
 */
const formats = new Map<string, Intl.DateTimeFormat>();

function format(kind: "time" | "weekday" | "date"): Intl.DateTimeFormat {
  const language = document.documentElement.lang || "en";
  const key = `${language} ${kind}`;
  const known = formats.get(key);
  if (known) return known;
  const options: Intl.DateTimeFormatOptions =
    kind === "time" ? { hour: "2-digit", minute: "2-digit", hourCycle: "h23" } : kind === "weekday" ? { weekday: "short" } : { day: "numeric", month: "short", year: "numeric" };
  const made = new Intl.DateTimeFormat(language, options);
  formats.set(key, made);
  return made;
}

export const timeOf = (at: number): string => format("time").format(at);

export const dateOf = (at: number): string => format("date").format(at);

/** Whole days from a day to today; 0 is today. */
export function daysAgo(at: number, now: number): number {
  const midnight = (ms: number): number => new Date(ms).setHours(0, 0, 0, 0);
  return Math.round((midnight(now) - midnight(at)) / 86_400_000);
}

/** Today the time, this week the day, else the date. */
export function shortly(at: number, now: number): string {
  const days = daysAgo(at, now);
  if (days <= 0) return timeOf(at);
  return days < 7 ? format("weekday").format(at) : dateOf(at);
}

/** 00:42:10 */
export function clockOf(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1_000));
  return [s / 3_600, (s / 60) % 60, s % 60].map((part) => String(Math.floor(part)).padStart(2, "0")).join(":");
}
