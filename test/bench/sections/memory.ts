import { figure, whole } from '../report/table.ts';
import { Child } from '../world/child.ts';
import type { Section } from './section.ts';

/** Memory of a replica per call. */
export const MEMORY: Section = {
  name: 'memory',
  title: "memory of a replica's copy of the calls",
  async run({ quick }) {
    const rows: string[][] = [];
    for (const calls of quick ? [10_000] : [10_000, 100_000, 400_000]) {
      const program = new URL('../local-registry.ts', import.meta.url);
      await using child = new Child(program, { role: 'subject', nodeArgs: ['--expose-gc'] });
      const bytes = await child.ask<number>('measure', calls);
      rows.push([whole(calls), whole(bytes), figure((bytes * calls) / 1e6)]);
    }
    const columns = ['calls', 'bytes a call', 'MB'];
    return [{ name: 'memory', tables: [{ columns, rows }] }];
  },
};
