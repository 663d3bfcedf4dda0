import { expect, test } from 'vitest';
import { Emitter } from '../../src/store/emitter.ts';

class Bell extends Emitter<{ rung: number }> {
  ring(times: number): Promise<void> {
    return this.emit('rung', times);
  }
}

test('listeners are called in order, each after the one before is done', async () => {
  const heard: string[] = [];
  const bell = new Bell()
    .on('rung', async (times) => {
      await Promise.resolve();
      heard.push(`first ${times}`);
    })
    .on('rung', (times) => void heard.push(`second ${times}`));
  await bell.ring(2);
  expect(heard).toEqual(['first 2', 'second 2']);
});

test('a listener that rejects stops the emit', async () => {
  const heard: number[] = [];
  const bell = new Bell()
    .on('rung', () => Promise.reject(new Error('deaf')))
    .on('rung', (times) => void heard.push(times));
  await expect(bell.ring(1)).rejects.toThrow('deaf');
  expect(heard).toEqual([]);
});
