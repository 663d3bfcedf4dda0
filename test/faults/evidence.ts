import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { World } from './world.ts';

/** Keeps the first few violations of each kind. */
export function shorten(violations: readonly string[]): string[] {
  const kinds = Map.groupBy(violations, (text) => text.split(':')[0] ?? '');
  return [...kinds].flatMap(([kind, texts]) =>
    texts.length <= 3 ? texts : [...texts.slice(0, 3), `${kind}: ${texts.length} in all`],
  );
}

/** Saves logs and ledger; returns the directory. */
export function keepEvidence(world: World): string {
  const directory = mkdtempSync(join(tmpdir(), 'callkeeper-evidence-'));
  for (const { name, lines } of world.replicas) {
    const text = lines.map((line) => JSON.stringify(line)).join('\n');
    writeFileSync(join(directory, `${name}.log`), text);
  }
  const calls = [...world.bot.calls.values()].map((call) => ({ ...call, by: call.by.name }));
  const { keepAlives, tokens } = world.simulator.ledger;
  const ledger = { calls, summary: world.simulator.summary(), keepAlives, tokens };
  writeFileSync(join(directory, 'ledger.json'), JSON.stringify(ledger, null, 1));
  return directory;
}
