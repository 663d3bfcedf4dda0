import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Block, Target } from '../sections/section.ts';
import { figure, renderTable } from './table.ts';

const DOCS = new URL('../../../docs/', import.meta.url);
const PAGE = fileURLToPath(new URL('performance.md', DOCS));

export function renderBlock({ tables, notes = [], targets = [] }: Block): string {
  const parts = [...tables.map(renderTable), ...notes];
  if (targets.length > 0) parts.push(renderTable(renderTargets(targets)));
  return parts.join('\n\n');
}

function renderTargets(targets: readonly Target[]) {
  return {
    columns: ['target', 'wanted', 'measured', ''],
    rows: targets.map((target) => {
      const { what, wanted, got, is } = target;
      return [what, `at ${is} ${figure(wanted)}`, figure(got), verdict(target)];
    }),
  };
}

/** If the target is missed, the verdict says by what factor. */
function verdict({ wanted, got, is }: Target): string {
  const excess = is === 'most' ? got / wanted : wanted / got;
  if (Number.isNaN(excess)) return 'not measured';
  return excess <= 1 ? 'met' : `**missed, ${figure(excess)} times**`;
}

/** Replaces the text between the block's markers, and nothing else. */
export function writeBlock(block: Block): void {
  const page = readFileSync(PAGE, 'utf8');
  const [start, end] = [`<!-- bench:${block.name} -->`, `<!-- /bench:${block.name} -->`];
  const [from, to] = [page.indexOf(start), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/performance.md has no ${start} … ${end}`);
  const head = page.slice(0, from + start.length);
  writeFileSync(PAGE, `${head}\n\n${renderBlock(block)}\n\n${page.slice(to)}`);
  if (block.plot) writeFileSync(new URL(block.plot.file, DOCS), block.plot.svg);
}
