/**
 * Distances from the centre, in units of the drawing. The more calls its slots have, the longer a
 * sector is.
 */
export const INNER = 54;
export const OUTER = 100;
/** The gap on each side of a sector, as a part of the turn. */
const GAP = 0.0009;

/**
 * A piece of a ring, from one part of the turn to another.
 *
 * @param {number} from
 * @param {number} to
 * @param {number} outer
 */
export function ring(from, to, outer) {
  // The gap is as wide outside as inside, and a full turn would have no ends to draw between.
  const edge = (/** @type {number} */ radius) => (GAP * OUTER) / radius;
  const [a, b] = [at(from + edge(INNER), INNER), at(to - edge(INNER), INNER)];
  const [c, d] = [at(to - edge(outer), outer), at(from + edge(outer), outer)];
  const large = to - from > 0.5 ? 1 : 0;
  const inner = `M${a} A${INNER} ${INNER} 0 ${large} 1 ${b}`;
  return `${inner} L${c} A${outer} ${outer} 0 ${large} 0 ${d} Z`;
}

/**
 * @param {number} part of the turn, from the top
 * @param {number} radius
 * @returns {[number, number]}
 */
export function at(part, radius) {
  const angle = 2 * Math.PI * part;
  return [round(radius * Math.sin(angle)), round(-radius * Math.cos(angle))];
}

/** @param {number} value */
function round(value) {
  return Math.round(value * 100) / 100;
}
