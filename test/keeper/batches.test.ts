import { describe, expect, test } from 'vitest';
import { Batches } from '../../src/keeper/batches.ts';
import { idle } from '../calls/fixture.ts';

const atOnce = () => Promise.resolve();
const untilEnough = (signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });

describe('batches', () => {
  test('wait for more until they are full, or no more will come', async () => {
    const written: number[][] = [];
    const batches = new Batches<number>(3, untilEnough, async (batch) => void written.push(batch));
    batches.add(1);
    await idle();
    batches.add(2);
    await idle();
    expect(written).toEqual([]);
    batches.add(3);
    await idle();
    expect(written).toEqual([[1, 2, 3]]);
    batches.add(4);
    await idle();
    await batches.settled();
    expect(written).toEqual([[1, 2, 3], [4]]);
  });

  test('wait a moment, and no longer', async () => {
    const written: number[][] = [];
    const moment = Promise.withResolvers<void>();
    const batches = new Batches<number>(
      3,
      () => moment.promise,
      async (batch) => void written.push(batch),
    );
    batches.add(1);
    await idle();
    expect(written).toEqual([]);
    moment.resolve();
    await idle();
    expect(written).toEqual([[1]]);
    await batches.settled();
  });

  test('gather what is ready, and no more than their size', async () => {
    const written: number[][] = [];
    const batches = new Batches<number>(3, atOnce, async (batch) => void written.push(batch));
    for (let i = 0; i < 7; i++) batches.add(i);
    await batches.settled();
    expect(written).toEqual([[0, 1, 2], [3, 4, 5], [6]]);
  });

  test('are written one at a time, while the next one gathers', async () => {
    const written: number[][] = [];
    const gate = Promise.withResolvers<void>();
    let writing = 0;
    const batches = new Batches<number>(10, atOnce, async (batch) => {
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
    const batches = new Batches<number>(1, atOnce, async () => {
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
    await new Batches<number>(1, atOnce, () => Promise.reject(new Error('not asked'))).settled();
  });
});
