import { describe, expect, test } from 'vitest';
import { Batches } from '../../src/keeper/batches.ts';
import { idle } from '../calls/fixture.ts';

const untilEnough = () => new Promise<void>(() => undefined);

describe('batches', () => {
  test('wait for more until they are full, or no more will come', async () => {
    const written: number[][] = [];
    const batches = new Batches<number>(3, async (batch) => void written.push(batch), untilEnough);
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
      async (batch) => void written.push(batch),
      () => moment.promise,
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
    const batches = new Batches<number>(3, async (batch) => void written.push(batch));
    for (let i = 0; i < 7; i++) batches.add(i);
    await batches.settled();
    expect(written).toEqual([[0, 1, 2], [3, 4, 5], [6]]);
  });

  test('are handled one at a time, while the next one gathers', async () => {
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

  test('are settled at once if nothing was added', async () => {
    const write = () => expect.unreachable('nothing is to be handled');
    await new Batches<number>(1, write).settled();
  });
});
