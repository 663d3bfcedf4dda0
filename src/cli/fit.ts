/** Characters that take two columns of a terminal, such as Chinese ones and emoji. */
const WIDE =
  /[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\p{Emoji_Presentation}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]/u;
/** Marks that take none: the terminal puts them on the character before. */
const COMBINING = /[\p{Mn}\p{Me}]/u;
/** Columns of the widest character. */
const WIDEST = 2;
/** A colour. The texts that {@link cut} gets have no other control characters. */
const SGR = /(\p{Cc}\[[\d;]*m)/u;

export function widthOf(text: string): number {
  let width = 0;
  for (const one of text) width += columnsOf(one);
  return width;
}

export function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)));
}

/** Shortens a text that does not fit; `middle` keeps its end too. */
export function shorten(text: string, width: number, where: 'middle' | 'end'): string {
  if (widthOf(text) <= width) return text;
  if (width < 1) return '';
  const tail = where === 'end' ? '' : reverse(head(reverse(text), Math.floor((width - 1) / 2)));
  return `${head(text, width - 1 - widthOf(tail))}…${tail}`;
}

/** As much of a painted line as fits, with all of its colours. */
export function cut(line: string, columns: number): string {
  let room = columns;
  return line
    .split(SGR)
    .map((part, i) => {
      if (i % 2 === 1) return part;
      const shown = head(part, room);
      room -= shown === part ? widthOf(part) : room;
      return shown;
    })
    .join('');
}

/** Wraps a text at spaces, in lines of at most this many columns. A longer word is cut. */
export function wrap(text: string, columns: number): string[] {
  const width = Math.max(columns, WIDEST);
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const joined = line === '' ? word : `${line} ${word}`;
    if (widthOf(joined) <= width) {
      line = joined;
      continue;
    }
    if (line !== '') lines.push(line);
    line = word;
    while (widthOf(line) > width) {
      const piece = head(line, width);
      lines.push(piece);
      line = line.slice(piece.length);
    }
  }
  return line === '' ? lines : [...lines, line];
}

function head(text: string, width: number): string {
  let room = width;
  let shown = '';
  for (const one of text) {
    room -= columnsOf(one);
    if (room < 0) break;
    shown += one;
  }
  return shown;
}

function reverse(text: string): string {
  return [...text].reverse().join('');
}

function columnsOf(character: string): number {
  if (character < '\u0300') return 1;
  if (COMBINING.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}
