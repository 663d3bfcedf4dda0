import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { World } from './world.ts';

/** Of many violations of one kind the first few. */
export function shorten(violations: readonly string[]): string[] {
  const kinds = Map.groupBy(violations, (text) => text.split(':')[0] ?? '');
  return [...kinds].flatMap(([kind, texts]) =>
    texts.length <= 3 ? texts : [...texts.slice(0, 3), `${kind}: ${texts.length} in all`],
  );
}

/** Writes logs and ledger where they can be looked at; returns where. */
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
