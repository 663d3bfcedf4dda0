/**
 * `npm run bench`: what Callkeeper costs, beside its peers, in one run; see
 * docs/performance.md. Run alone on the machine, or the figures say nothing.
 */
import { readOptions, type SectionName, USAGE } from './options.ts';
import { dateline, describeMachine, writeFindings } from './page/page.ts';
import { api } from './sections/api.ts';
import { cost } from './sections/cost.ts';
import { idle } from './sections/idle.ts';
import { memory } from './sections/memory.ts';
import { million } from './sections/million.ts';
import { replicas } from './sections/replicas.ts';
import { rush } from './sections/rush.ts';
import { scale } from './sections/scale.ts';
import type { Section } from './sections/section.ts';
import { pinThisProcess } from './world/cores.ts';
import { Microsoft } from './world/microsoft.ts';

const PARTS: Readonly<Record<SectionName, Section>> = {
  cost,
  scale,
  memory,
  idle,
  api,
  rush,
  replicas,
  million,
};

async function main(args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  if (options === 'help') {
    process.stdout.write(USAGE);
    return;
  }
  pinThisProcess('driver');
  await using microsoft = await Microsoft.start();
  const startedAt = performance.now();
  const say = (line: string) => {
    const seconds = Math.round((performance.now() - startedAt) / 1_000);
    process.stderr.write(`${String(seconds).padStart(5)} s  ${line}\n`);
  };
  for (const name of options.sections) {
    const findings = await PARTS[name]({ microsoft, options, say });
    process.stdout.write(`\n## ${name}\n\n${findings.markdown}\n\n`);
    if (options.mode !== 'smoke') writeFindings(name, findings);
  }
  if (options.mode !== 'smoke') {
    const machine = `${describeMachine()}\n\n${dateline(options.mode, 'the last run')}`;
    writeFindings('machine', { markdown: machine });
  }
}

// What was started ends with this process: Node children by the probe, the others here.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => process.exit(1));
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.stack : error}\n`);
  process.exitCode = 1;
}
