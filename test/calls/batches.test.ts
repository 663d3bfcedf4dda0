import { describe, expect, test } from 'vitest';
import { Batches } from '../../src/calls/batches.ts';
import { idle } from './fixture.ts';

describe('batches', () => {
  test('gather what is ready, and no more than their size', async () => {
    const written: number[][] = [];
    const batches = new Batches<number>(3, async (batch) => void written.push(batch));
    for (let i = 0; i < 7; i++) batches.add(i);
    await batches.settled();
    expect(written).toEqual([[0, 1, 2], [3, 4, 5], [6]]);
  });

  test('are written one at a time, while the next one gathers', async () => {
    const written: number[][] = [];
    const gate = Promise.withResolvers<void>();
    let writing = 0;
    const batches = new Batches<number>(10, async (batch) => {
      expect(++writing).toBe(1);
      written.push(batch);
      await gate.promise;
      writing--;
    });
    batches.add(1);
    await idle();
    batches.add(2);
    batches.add(3);
    await idle();
    expect(written).toEqual([[1]]);
    gate.resolve();
    await batches.settled();
    expect(written).toEqual([[1], [2, 3]]);
  });

  test('reject with the first failure, and write nothing after it', async () => {
    let writes = 0;
    const batches = new Batches<number>(1, async () => {
      writes++;
      throw new Error(`write ${writes}`);
    });
    expect(batches.failed).toBe(false);
    batches.add(1);
    batches.add(2);
    await expect(batches.settled()).rejects.toThrow('write 1');
    expect(batches.failed).toBe(true);
    batches.add(3);
    await expect(batches.settled()).rejects.toThrow('write 1');
    expect(writes).toBe(1);
  });

  test('are settled at once where nothing was added', async () => {
    await new Batches<number>(1, () => Promise.reject(new Error('not asked'))).settled();
  });
});
