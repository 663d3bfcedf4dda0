/** @import { Overview } from '../client/api.ts' */

/** If the wheel has more slots than this, each sector shows several. */
const MOST_SECTORS = 120;

/**
 * @typedef {object} Sector
 * @property {number} first slot
 * @property {number} last
 * @property {number} tracked
 * @property {number} failing
 */

/**
 * @param {Overview['slots']} slots
 * @returns {Sector[]}
 */
export function fold({ tracked, failing }) {
  const { length: n } = tracked;
  const sectors = sectorsOf(n);
  return Array.from({ length: sectors }, (_, i) => {
    const [first, end] = [Math.floor((i * n) / sectors), Math.floor(((i + 1) * n) / sectors)];
    const counts = { tracked: sum(tracked, first, end), failing: sum(failing, first, end) };
    return { first, last: end - 1, ...counts };
  });
}

/**
 * The number of sectors: as many as possible, and with equally many slots if possible.
 *
 * @param {number} slots
 */
function sectorsOf(slots) {
  if (slots <= MOST_SECTORS) return slots;
  for (let n = MOST_SECTORS; n > MOST_SECTORS / 2; n--) if (slots % n === 0) return n;
  return MOST_SECTORS;
}

/**
 * @param {readonly number[]} numbers
 * @param {number} from
 * @param {number} to
 */
function sum(numbers, from, to) {
  return numbers.slice(from, to).reduce((all, one) => all + one, 0);
}
