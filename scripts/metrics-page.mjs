// `npm run metrics` writes the table of docs/metrics.md from src/metrics/table.ts; with --check it
// fails if the page has another table.
import { readFileSync, writeFileSync } from 'node:fs';
import { METRICS } from '../src/metrics/table.ts';

const PAGE = new URL('../docs/metrics.md', import.meta.url);
const BEGIN = '<!-- begin: written by `npm run metrics` -->\n';
const END = '<!-- end -->';

const page = readFileSync(PAGE, 'utf8');
const current = withTable(page);
if (!process.argv.includes('--check')) {
  writeFileSync(PAGE, current);
} else if (current !== page) {
  process.stderr.write('docs/metrics.md differs from src/metrics/table.ts: run npm run metrics\n');
  process.exitCode = 1;
}

function withTable(text) {
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (begin === -1 || end < begin) throw new Error(`docs/metrics.md lacks ${BEGIN}or ${END}`);
  return `${text.slice(0, begin)}${BEGIN}\n${table()}\n${text.slice(end)}`;
}

function table() {
  const head =
    '| metric | type | labels | of | meaning | look closer when |\n|---|---|---|---|---|---|';
  const rows = Object.entries(METRICS).map(([name, { type, labels = {}, of, help, watch }]) => {
    const described = Object.entries(labels).map(describeLabel).join('; ');
    return `| \`${name}\` | ${type} | ${described} | ${of} | ${help} | ${watch} |`;
  });
  return `${[head, ...rows].join('\n')}\n`;
}

function describeLabel([label, values]) {
  if (typeof values === 'string') return `\`${label}\`: ${values}`;
  const described = Object.entries(values).map(([value, meaning]) =>
    meaning === '' ? `\`${value}\`` : `\`${value}\` (${meaning})`,
  );
  return `\`${label}\`: ${described.join(', ')}`;
}
