/** One curve; x grows from point to point. */
export interface Line {
  readonly title: string;
  readonly dashed: boolean;
  readonly points: readonly (readonly [x: number, y: number])[];
}

const WIDTH = 720;
const HEIGHT = 380;
const LEFT = 56;
const RIGHT = 190;
const TOP = 36;
const BOTTOM = 44;
/** Readable on white and on black. */
const COLOURS = ['#d1603d', '#d1603d', '#2f81c4', '#2f81c4', '#7a7f87'];
const GREY = '#7a7f87';

/**
 * Curves as an SVG text: x in logarithm, y from 0 on. No background and middle
 * tones, so that it is read in light and in dark pages; no script, no font, nothing
 * from elsewhere.
 */
export function plot(title: string, yUnit: string, xUnit: string, lines: readonly Line[]): string {
  const drawn = lines.filter(({ points }) => points.length > 0);
  const all = drawn.flatMap(({ points }) => points);
  const xs = [...new Set(all.map(([x]) => x))].sort((a, b) => a - b);
  const [least = 1, most = 10] = [xs[0], xs.at(-1)];
  const step = niceStep(Math.max(...all.map(([, y]) => y)) / 5);
  const top = step * Math.ceil(Math.max(...all.map(([, y]) => y)) / step);
  const span = Math.log(most / least) || 1;
  const x = (value: number) =>
    round(LEFT + (Math.log(value / least) / span) * (WIDTH - LEFT - RIGHT));
  const y = (value: number) => round(HEIGHT - BOTTOM - (value / top) * (HEIGHT - TOP - BOTTOM));

  const grid: string[] = [];
  for (let at = 0; at <= top; at += step) {
    grid.push(
      `<line x1="${LEFT}" y1="${y(at)}" x2="${WIDTH - RIGHT}" y2="${y(at)}" stroke="${GREY}" stroke-opacity="0.3"/>`,
      text(LEFT - 8, y(at) + 4, `${at}`, 'end'),
    );
  }
  for (const at of xs)
    grid.push(text(x(at), HEIGHT - BOTTOM + 20, at.toLocaleString('en-US'), 'middle'));
  const curves = drawn.map(({ dashed, points }) => {
    const path = points.map(([px, py]) => `${x(px)},${y(py)}`).join(' ');
    const dash = dashed ? ' stroke-dasharray="5 4"' : '';
    const dots = points.map(([px, py]) => `<circle cx="${x(px)}" cy="${y(py)}" r="3"/>`).join('');
    return { path, dash, dots };
  });
  const labels = placed(drawn.map(({ points }) => y(points.at(-1)?.[1] ?? 0)));
  const body = drawn.map((line, i) => {
    const colour = COLOURS[lines.indexOf(line) % COLOURS.length] ?? GREY;
    const { path = '', dash = '', dots = '' } = curves[i] ?? {};
    return [
      `<g fill="none" stroke="${colour}" stroke-width="2"><polyline points="${path}"${dash}/></g>`,
      `<g fill="${colour}">${dots}${text(WIDTH - RIGHT + 10, (labels[i] ?? 0) + 4, line.title, 'start', colour)}</g>`,
    ].join('\n');
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12" role="img" aria-label="${title}">`,
    `<title>${title}</title>`,
    text(LEFT, 18, `${title}, ${yUnit}`, 'start'),
    ...grid,
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, xUnit, 'middle'),
    ...body,
    '</svg>',
    '',
  ].join('\n');
}

/** 1, 2 or 5 times a power of ten. */
function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  return ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10) * power;
}

/** Moves labels apart that would lie over each other, the upper ones first. */
function placed(wanted: readonly number[]): number[] {
  const order = wanted.map((at, i) => ({ at, i })).sort((a, b) => a.at - b.at);
  const result: number[] = [];
  let lowest = Number.NEGATIVE_INFINITY;
  for (const { at, i } of order) {
    lowest = Math.max(at, lowest + 15);
    result[i] = lowest;
  }
  return result;
}

function text(x: number, y: number, content: string, anchor: string, fill = GREY): string {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" fill="${fill}">${content}</text>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
