import type { Result } from 'ioredis';

/**
 * Writes changes of calls of one slot, each if the value it is based on still
 * stands, and tells of what is tracked or leaves the schedule, in one step: no
 * such change without its event, no event without its change.
 *
 * KEYS: calls, gone, gone-at, events. ARGV: how many events to keep, then for
 * each change: op (`put`, `track`, or the removal), id, the value expected
 * (empty: none), the new value, and for removals the instant (epoch ms).
 * Returns for each change 1, or the value that stands there instead (empty:
 * none).
 */
const writeCalls = `
local results = {}
for i = 2, #ARGV, 5 do
  local op, id, expected, value, at = unpack(ARGV, i, i + 4)
  local current = redis.call('HGET', KEYS[1], id) or ''
  if current ~= expected then
    results[#results + 1] = current
  else
    if op == 'put' or op == 'track' then
      redis.call('HSET', KEYS[1], id, value)
    else
      redis.call('HDEL', KEYS[1], id)
      redis.call('HSET', KEYS[2], id, value)
      redis.call('ZADD', KEYS[3], at, id)
    end
    if op == 'track' then
      redis.call('HDEL', KEYS[2], id)
      redis.call('ZREM', KEYS[3], id)
    end
    if op ~= 'put' then
      redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[1], '*', 'type', op, 'id', id, 'call', value)
    end
    results[#results + 1] = 1
  end
end
return results
`;

/** Forgets calls that left before an instant. KEYS: gone, gone-at. ARGV: epoch ms. */
const forgetGone = `
local ids = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', '(' .. ARGV[1], 'LIMIT', 0, 1000)
if #ids > 0 then
  redis.call('HDEL', KEYS[1], unpack(ids))
  redis.call('ZREM', KEYS[2], unpack(ids))
end
return #ids
`;

/**
 * Says that a replica lives, and which wheel it turns. KEYS: wheel, replicas.
 * ARGV: replica, for how long to believe it (ms), interval (ms), slots.
 * Returns {verdict, interval, slots, other replicas}; the verdict is `joined`,
 * `laid` (no wheel was there: its data is not there either), or `different`,
 * with the wheel that is laid; then the replica is not counted. The instants
 * are by Redis's clock, the one that all replicas share.
 */
const joinWheel = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
local laid = redis.call('HMGET', KEYS[1], 'intervalMs', 'slots')
local verdict = 'joined'
if not laid[1] or not laid[2] then
  redis.call('HSET', KEYS[1], 'intervalMs', ARGV[3], 'slots', ARGV[4], 'laidAt', now)
  verdict = 'laid'
elseif laid[1] ~= ARGV[3] or laid[2] ~= ARGV[4] then
  local others = redis.call('ZRANGE', KEYS[2], 0, -1)
  return {'different', laid[1], laid[2], others}
end
redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[1])
return {verdict, ARGV[3], ARGV[4], redis.call('ZRANGE', KEYS[2], 0, -1)}
`;

export const SCRIPTS = {
  writeCalls: { lua: writeCalls, numberOfKeys: 4 },
  forgetGone: { lua: forgetGone, numberOfKeys: 2 },
  joinWheel: { lua: joinWheel, numberOfKeys: 2 },
};

export type JoinReply = ['joined' | 'laid' | 'different', string, string, string[]];

declare module 'ioredis' {
  interface RedisCommander<Context> {
    writeCalls(
      calls: string,
      gone: string,
      goneAt: string,
      events: string,
      ...args: (string | number)[]
    ): Result<(1 | string)[], Context>;
    forgetGone(gone: string, goneAt: string, before: number): Result<number, Context>;
    joinWheel(
      wheel: string,
      replicas: string,
      replica: string,
      ttlMs: number,
      intervalMs: number,
      slots: number,
    ): Result<JoinReply, Context>;
  }
}
