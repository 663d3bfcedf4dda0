/**
 * `npm run bench`: measures, prints tables, and writes the results into docs/performance.md. Each
 * subject runs in its own process.
 */
import { parseArgs } from 'node:util';
import { describeRun } from './report/machine.ts';
import { renderBlock, writeBlock } from './report/page.ts';
import { API } from './sections/api.ts';
import { BURST } from './sections/burst.ts';
import { COST } from './sections/cost.ts';
import { IDLE } from './sections/idle.ts';
import { MEMORY } from './sections/memory.ts';
import { MILLION } from './sections/million.ts';
import { PEERS } from './sections/peers.ts';
import { PROFILE } from './sections/profile.ts';
import { REMOVED } from './sections/removed.ts';
import { REPLICAS } from './sections/replicas.ts';

import type { Block, Section } from './sections/section.ts';
import { pinThisProcess } from './world/cores.ts';

const SECTIONS: readonly Section[] = [
  PEERS,
  IDLE,
  COST,
  REMOVED,
  API,
  BURST,
  REPLICAS,
  MEMORY,
  PROFILE,
  MILLION,
];
const NAMES = SECTIONS.map(({ name }) => name);

const USAGE = `usage: npm run bench [-- options]
  --full         the run with a million calls as well (about four minutes more)
  --quick        small sizes, to see that all works; the page is not written
  --only a,b     these parts alone: ${NAMES.join(', ')}
`;

async function main(): Promise<void> {
  const { full, quick, only } = readArguments();
  pinThisProcess('driver');
  const wanted = SECTIONS.filter((one) => only?.includes(one.name) ?? (full || one !== MILLION));
  const { table, notes } = describeRun(new Date());
  publish({ name: 'machine', tables: [table], notes }, quick);
  for (const section of wanted) {
    process.stderr.write(`bench: ${section.name}: ${section.title}\n`);
    const startedAt = performance.now();
    try {
      for (const block of await section.run({ full, quick })) publish(block, quick);
    } catch (error) {
      process.stderr.write(`bench: ${section.name} failed: ${(error as Error).stack}\n`);
      process.exitCode = 1; // the other sections still run
    }
    const seconds = (performance.now() - startedAt) / 1_000;
    process.stderr.write(`bench: ${section.name}: ${seconds.toFixed(0)} s\n`);
  }
}

function publish(block: Block, quick: boolean): void {
  process.stdout.write(`\n${renderBlock(block)}\n\n`);
  if (!quick) writeBlock(block);
}

function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        full: { type: 'boolean', default: false },
        quick: { type: 'boolean', default: false },
        only: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) {
      process.stdout.write(USAGE);
      process.exit(0);
    }
    const only = values.only?.split(',') ?? null;
    const unknown = only?.find((name) => !NAMES.includes(name));
    if (unknown !== undefined) throw new Error(`there is no part "${unknown}"`);
    return { ...values, only };
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${USAGE}`);
    process.exit(2);
  }
}

await main();
