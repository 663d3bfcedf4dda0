import { GROUPS } from './table.ts';
import type { Variable } from './variable.ts';

const COLUMNS = 80;
const INDENT = '      ';

/** The variables of the daemon with their defaults, for a terminal of 80 columns. */
export function describeVariables(): string {
  return GROUPS.map(({ title, variables }) => {
    const rows = Object.entries(variables).filter(([, { readBy }]) => readBy === undefined);
    const lines = rows.flatMap(([name, row]) => [`  ${headOf(name, row)}`, ...bodyOf(row)]);
    return lines.length === 0 ? '' : `${title}:\n${lines.join('\n')}\n`;
  })
    .filter((text) => text !== '')
    .join('\n');
}

function headOf(name: string, { secret, default: value, defaultSays }: Variable): string {
  const names = secret ? `${name}, ${name}_FILE` : name;
  const says = defaultSays ?? (value ? `default ${value}` : '');
  return says === '' ? names : `${names} (${plainText(says)})`;
}

function bodyOf({ sentence }: Variable): string[] {
  return wrap(plainText(sentence), COLUMNS - INDENT.length).map((line) => INDENT + line);
}

export function defaultOf({ default: value, defaultSays }: Variable): string {
  return defaultSays ?? (value ? `\`${value}\`` : 'none');
}

/** Markdown of one line without its marks, except around commands. Links become their paths. */
export function plainText(markdown: string): string {
  return markdown
    .replaceAll(/\[[^\]]*\]\(\.\.\/([^)]*)\)/g, '$1')
    .replaceAll(/\[[^\]]*\]\(([^)#]*)[^)]*\)/g, 'docs/$1')
    .replaceAll(/`(\S+)`/g, '$1');
}

export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= columns) {
      lines[lines.length - 1] = `${line} ${word}`;
    } else lines.push(word);
  }
  return lines;
}
