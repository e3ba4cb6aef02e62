/**
 * Whether the days that a cron expression names are in none of its months, as 30 February: the library would look for one in 8,000 years, and hold up the store
 * meanwhile. Pure; it says no of what it does not read, which the library then does. Used by `schedule-rhythm.ts`.
 */
const names = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
/** In a leap year. */
const daysOf = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

const list = /^\d{1,2}(?:-\d{1,2})?(?:,\d{1,2}(?:-\d{1,2})?)*$/;

/** `2,4-6` as [2, 4, 5, 6]; undefined: it is something else. */
function numbersOf(field: string): readonly number[] | undefined {
  if (!list.test(field)) return undefined;
  return field.split(',').flatMap((part) => {
    const [first = 0, last = first] = part.split('-').map(Number);
    return Array.from({ length: Math.max(0, last - first + 1) }, (_none, more) => first + more);
  });
}

export function isNoSuchDay(cron: string): boolean {
  const [day = '', month = '', weekday = ''] = cron.trim().toLowerCase().split(/\s+/).slice(-3);
  // Otherwise it is a day of the week that comes true.
  if (!/^[*?+]/.test(weekday)) return false;
  const days = numbersOf(day);
  const months = numbersOf(month.replaceAll(/[a-z]{3}/g, (name) => String(names.indexOf(name) + 1)));
  if (days === undefined || months === undefined) return false;
  return Math.min(...days) > Math.max(...months.map((number) => daysOf[number - 1] ?? Infinity));
}
