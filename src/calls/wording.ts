// How numbers, instants and durations are written in sentences.

const NUMBER = new Intl.NumberFormat('en');
export const HOUR_MS = 60 * 60 * 1_000;
const DAY_MS = 24 * HOUR_MS;

export function count(value: number): string {
  return NUMBER.format(value);
}

export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/**
 * `13:55 UTC`; with the date if that is another one. A page that knows the reader's time zone may
 * replace it: the same instant is beside each sentence.
 */
export function clockTime(at: number, now: number): string {
  const text = new Date(at).toISOString();
  const time = `${text.slice(11, 16)} UTC`;
  const isToday = Math.floor(at / DAY_MS) === Math.floor(now / DAY_MS);
  return isToday ? time : `${text.slice(0, 10)} ${time}`;
}

/** `12 min`; under two minutes `90 s`. Rounded down: there is no more time than that. */
export function shortSpan(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  return seconds < 120 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`;
}

const UNITS = Object.entries({ ms: 1, s: 1_000, m: 60_000, h: 3_600_000 });

/** In the largest unit that fits, as users type it: `15m`, not 900000 ms. */
export function durationText(ms: number): string {
  const whole = Math.round(ms);
  const [unit, size] = UNITS.findLast(([, one]) => whole >= one && whole % one === 0) ?? ['ms', 1];
  return `${whole / size}${unit}`;
}
