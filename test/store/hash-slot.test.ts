import { expect, test } from 'vitest';
import { hashSlot } from '../../src/store/hash-slot.ts';
import { slotKeys } from '../../src/store/keys.ts';
import { redisForFile } from '../redis/redis-server.ts';

const server = redisForFile(['--cluster-enabled', 'yes']);

test('the hash slot of a key is the one that Redis has for it', async () => {
  const keys = [
    ...[
      '',
      'a',
      '123456789',
      'ü',
      'a{b}c',
      '{b}',
      'a{}c',
      '{}',
      '{',
      'a{b',
      '}{b}',
      '{a}{b}',
      '{{b}}',
    ],
    ...Object.values(slotKeys(3, 8)),
    ...Array.from({ length: 256 }, (_, slot) => slotKeys(slot, 256).calls),
  ];
  for (const key of keys) {
    expect([key, hashSlot(key)]).toEqual([key, await server.client.cluster('KEYSLOT', key)]);
  }
});
