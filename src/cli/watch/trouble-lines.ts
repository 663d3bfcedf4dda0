import type { Trouble } from '../../client/index.ts';
import { cut, wrap } from '../fit.ts';
import { paint, printable, type Style } from '../printable.ts';

const STYLES: Readonly<Record<string, Style>> = { critical: 'red', warning: 'yellow' };
/** The width of the column with the severity. */
const INDENT = 10;
/** Narrower terminals have no column with the severity. */
const NARROWEST = 40;

/**
 * The troubles as sentences in at most `most` lines, with what to do about them if that fits too.
 * If they do not fit, the last ones are missing.
 */
export function troubleLines(
  troubles: readonly Trouble[],
  columns: number,
  most: number,
): readonly string[] {
  const full = troubles.flatMap((one) => [...sentence(one, columns), ...todo(one, columns)]);
  if (full.length <= most) return full;
  const lines: string[] = [];
  for (const [i, trouble] of troubles.entries()) {
    const left = troubles.length - i;
    const own = sentence(trouble, columns);
    const room = most - lines.length - (left > 1 ? 1 : 0);
    if (i > 0 && own.length > room) return [...lines, cut(`and ${left} more`, columns)];
    lines.push(...own);
  }
  return lines.slice(0, most);
}

/** A trouble in a line, safe for a terminal. */
export function troubleLine({ sentence, severity }: Trouble): string {
  return paintAs(severity, sentence);
}

function sentence({ severity, sentence }: Trouble, columns: number): string[] {
  return indented(sentence, severity, columns).map((line) => paintAs(severity, line));
}

function todo({ todo }: Trouble, columns: number): string[] {
  return todo === null ? [] : indented(`→ ${todo}`, '', columns).map(printable);
}

/** Wrapped beside the label. */
function indented(text: string, label: string, columns: number): string[] {
  const indent = columns < NARROWEST ? 0 : INDENT;
  return wrap(printable(text), columns - indent).map((line, i) => {
    const start = indent > 0 && i === 0 ? label : '';
    return cut(`${start.padEnd(indent)}${line}`, columns);
  });
}

function paintAs(severity: string, line: string): string {
  const style = STYLES[severity];
  return style === undefined ? printable(line) : paint(style, line);
}
