/**
 * Distances from the centre, in units of the drawing. A sector begins at INNER; the more calls it
 * has, the nearer it ends to OUTER.
 */
export const INNER = 54;
export const OUTER = 100;
/** The gap on each side of a sector, as a part of the turn. */
const GAP = 0.0009;

/**
 * The path of a piece of a ring.
 *
 * @param {number} from a part of the turn, 0 … 1
 * @param {number} to
 * @param {number} outer radius
 */
export function ring(from, to, outer) {
  // The gap is as wide outside as inside. Without a gap, a full turn would start and end at the same
  // point, and SVG draws no such arc.
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
