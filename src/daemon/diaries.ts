import type { RedisClient } from '../store/connection.ts';
import { Diaries } from '../store/diaries.ts';
import type { RegistrySlots } from '../store/slots.ts';
import type { Context } from './context.ts';

export interface DiariesNeeds {
  readonly redis: RedisClient;
  readonly slots: RegistrySlots;
}

/** Disposing of it writes that this replica was stopped on purpose. */
export function openDiaries(context: Context, needs: DiariesNeeds) {
  const diaries = new Diaries({ ...context, ...needs });
  return { diaries, [Symbol.asyncDispose]: () => diaries.stop() };
}
