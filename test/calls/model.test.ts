import fc from 'fast-check';
import { test } from 'vitest';
import { MemoryStore } from './fixture.ts';
import { holdsToModel, steps } from './model.ts';

test('whatever happens in whichever order, no call is forgotten, none is raised from the dead, and only Graph’s 404 for it ends one', async () => {
  await fc.assert(
    fc.asyncProperty(steps, (taken) => holdsToModel(new MemoryStore(), taken)),
    { numRuns: 1_500 },
  );
}, 60_000);
