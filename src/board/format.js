// Formats numbers, durations and instants.

const number = new Intl.NumberFormat('en');
const clock = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });
const shortClock = new Intl.DateTimeFormat('en-GB', { timeStyle: 'short' });
const dayAndShortClock = new Intl.DateTimeFormat('en-GB', {
  dateStyle: 'medium',
  timeStyle: 'short',
});
const dayAndClock = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });

/** @param {number} value */
export function count(value) {
  return number.format(value);
}

/**
 * A duration such as "44 min 3 s"; below ten seconds it has a decimal.
 *
 * @param {number} ms
 */
export function span(ms) {
  const sign = ms < 0 ? '−' : '';
  const size = Math.abs(ms);
  if (size < 9_950) return `${sign}${(size / 1_000).toFixed(1)} s`;
  const all = Math.round(size / 1_000);
  const [hours, minutes, seconds] = [Math.floor(all / 3_600), Math.floor(all / 60) % 60, all % 60];
  if (hours > 0) return `${sign}${hours} h ${minutes} min`;
  return minutes > 0 ? `${sign}${minutes} min ${seconds} s` : `${sign}${seconds} s`;
}

/**
 * The same; 0 if the deadline has passed.
 *
 * @param {number} ms
 */
export function timeLeft(ms) {
  return ms <= 0 ? '0 s' : span(ms);
}

/**
 * A duration without parts that are 0, such as "15 min".
 *
 * @param {number} ms
 */
export function roundSpan(ms) {
  if (ms === 0) return '0';
  if (ms % 60_000 === 0) return `${ms / 60_000} min`;
  return ms < 60_000 ? `${Math.round(ms / 100) / 10} s` : span(ms).replace(/ 0 s$/, '');
}

/**
 * The local time, with the date unless that is today.
 *
 * @param {string | number} instant
 */
export function time(instant) {
  const date = new Date(instant);
  const isToday = date.toDateString() === new Date().toDateString();
  return (isToday ? clock : dayAndClock).format(date);
}

/**
 * The same without seconds.
 *
 * @param {string | number} instant
 */
export function minute(instant) {
  const date = new Date(instant);
  const isToday = date.toDateString() === new Date().toDateString();
  return (isToday ? shortClock : dayAndShortClock).format(date);
}

/**
 * The local time without a date, for an axis.
 *
 * @param {string | number} instant
 * @param {number} stepMs from one mark to the next
 */
export function tick(instant, stepMs) {
  return (stepMs < 60_000 ? clock : shortClock).format(new Date(instant));
}

/**
 * @param {number} part
 * @param {number} whole
 */
export function percent(part, whole) {
  return whole === 0 ? '–' : `${Math.round((100 * part) / whole)} %`;
}

/**
 * @param {number} many
 * @param {string} one
 */
export function plural(many, one) {
  return `${count(many)} ${one}${many === 1 ? '' : 's'}`;
}

/**
 * The calls of an owner as the start of a sentence: "its 3 calls are".
 *
 * @param {number} tracked
 */
export function itsCalls(tracked) {
  return tracked === 1 ? 'its call is' : `its ${count(tracked)} calls are`;
}
