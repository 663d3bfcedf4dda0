import { figure } from './table.ts';

/** `x` is ascending. */
export interface Line {
  readonly title: string;
  readonly color: string;
  /** A level to compare with: drawn without a mark per point, because it was measured once. */
  readonly dashed?: boolean;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

export interface Plot {
  readonly title: string;
  readonly xTitle: string;
  readonly yTitle: string;
  readonly lines: readonly Line[];
}

const WIDTH = 760;
const HEIGHT = 420;
const AREA = { left: 64, right: 48, top: 48, bottom: 92 };
/** Between the axis and the first point, for the point's label. */
const INSET = 36;
const INK = '#57606a';

/**
 * Returns an SVG that is readable on light and dark pages; x is logarithmic, y is linear from 0.
 */
export function renderPlot({ title, xTitle, yTitle, lines }: Plot): string {
  const points = lines.flatMap((line) => line.points);
  const xs = [...new Set(points.map(({ x }) => x))].sort((a, b) => a - b);
  const [first = 1, last = 10] = [xs[0], xs.at(-1)];
  const step = niceStep(Math.max(...points.map(({ y }) => y)) / 5);
  const top = Math.ceil((1.05 * Math.max(...points.map(({ y }) => y))) / step) * step;
  const span = Math.log(last / first) || 1;
  const right = WIDTH - AREA.right;
  const bottom = HEIGHT - AREA.bottom;
  const from = AREA.left + INSET;
  const toX = (x: number) => from + (Math.log(x / first) / span) * (right - from);
  const toY = (y: number) => bottom - (y / top) * (bottom - AREA.top);

  const out = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" font-family="system-ui, sans-serif" font-size="13">`,
    `<title>${escapeXml(title)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" rx="6" fill="#ffffff"/>`,
    text(AREA.left, 26, title, { anchor: 'start', weight: 600, fill: '#1f2328' }),
  ];
  for (let y = 0; y <= top + step / 2; y += step) {
    const at = round(toY(y));
    out.push(`<path d="M${AREA.left} ${at}H${right}" stroke="#d8dee4"/>`);
    out.push(text(AREA.left - 8, at + 4, y.toLocaleString('en-US'), { anchor: 'end' }));
  }
  for (const x of xs) {
    out.push(`<path d="M${round(toX(x))} ${bottom}v5" stroke="${INK}"/>`);
    out.push(text(toX(x), bottom + 20, x.toLocaleString('en-US')));
  }
  out.push(text((AREA.left + right) / 2, bottom + 40, xTitle));
  out.push(
    `<text transform="translate(16 ${(AREA.top + bottom) / 2}) rotate(-90)" text-anchor="middle" fill="${INK}">${escapeXml(yTitle)}</text>`,
  );
  for (const [i, line] of lines.entries()) {
    const path = line.points.map(({ x, y }) => `${round(toX(x))} ${round(toY(y))}`).join('L');
    const dash = line.dashed ? ' stroke-dasharray="6 4"' : '';
    out.push(`<path d="M${path}" fill="none" stroke="${line.color}" stroke-width="2"${dash}/>`);
    for (const { x, y } of line.dashed ? line.points.slice(-1) : line.points) {
      const [cx, cy] = [round(toX(x)), round(toY(y))];
      if (!line.dashed) out.push(`<circle cx="${cx}" cy="${cy}" r="4" fill="${line.color}"/>`);
      out.push(text(cx, cy - 9, figure(y), { fill: line.color }));
    }
    const at = AREA.left + i * ((right - AREA.left) / lines.length);
    out.push(
      `<path d="M${round(at)} ${HEIGHT - 22}h22" stroke="${line.color}" stroke-width="2"${dash}/>`,
    );
    out.push(text(at + 28, HEIGHT - 18, line.title, { anchor: 'start' }));
  }
  return `${out.join('\n')}\n</svg>\n`;
}

/** Rounds up to 1, 2, 5, 10, 20, … */
function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return power * ([1, 2, 5].find((factor) => factor * power >= least) ?? 10);
}

function text(
  x: number,
  y: number,
  content: string,
  { anchor = 'middle', weight = 400, fill = INK } = {},
): string {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" font-weight="${weight}" fill="${fill}">${escapeXml(content)}</text>`;
}

function round(value: number): number {
  return Math.round(10 * value) / 10;
}

function escapeXml(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
