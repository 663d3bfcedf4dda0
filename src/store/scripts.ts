import type { Result } from 'ioredis';

/** The longest lease that a replica may ask for, in ms (`Periods.believedMs`). */
const MOST_BELIEVED_MS = 60_000;

/**
 * Writes changes of calls of one slot, each if the value it is based on is still
 * current, and appends their events in the same step. So there is no change without
 * its event, and no event without its change.
 *
 * KEYS: calls, gone, gone-at, events. ARGV: how many events to keep, then for each
 * change: op (`put`, `tracked`, `at-risk`, `recovered`, or the removal), id, the
 * value expected (empty: none), the new value, and for removals the instant (epoch
 * ms). Returns for each change 1, or the current value instead (empty: none).
 *
 * It reads all values at once and writes all puts at once, because calls from Lua
 * are most of what a renewal costs Redis. A thousand changes at most, because their
 * fields and values go onto Lua's stack.
 */
const writeCalls = `
local puts = {['put'] = true, ['tracked'] = true, ['at-risk'] = true, ['recovered'] = true}
local ids = {}
for i = 3, #ARGV, 5 do ids[#ids + 1] = ARGV[i] end
local standing, changed, told, results = {}, {}, {}, {}
for i, value in ipairs(redis.call('HMGET', KEYS[1], unpack(ids))) do standing[ids[i]] = value end
for i, id in ipairs(ids) do
  local at = 5 * i - 3
  local op, expected, value = ARGV[at], ARGV[at + 2], ARGV[at + 3]
  local current = standing[id] or ''
  if current ~= expected then
    results[i] = current
  else
    standing[id] = puts[op] and value
    changed[id] = true
    results[i] = 1
    if op ~= 'put' then told[#told + 1] = i end
  end
end
-- First what wants memory: after a write that wants none, Redis lets these pass without it.
local written = {}
for id in pairs(changed) do
  if standing[id] then
    written[#written + 1] = id
    written[#written + 1] = standing[id]
  end
end
if #written > 0 then redis.call('HSET', KEYS[1], unpack(written)) end
for _, i in ipairs(told) do
  local op, id, _, value, at = unpack(ARGV, 5 * i - 3, 5 * i + 1)
  if not puts[op] then
    if not standing[id] then redis.call('HDEL', KEYS[1], id) end
    redis.call('HSET', KEYS[2], id, value)
    redis.call('ZADD', KEYS[3], at, id)
  elseif op == 'tracked' then
    redis.call('HDEL', KEYS[2], id)
    redis.call('ZREM', KEYS[3], id)
  end
  redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[1], '*', 'type', op, 'id', id, 'call', value)
end
return results
`;

/**
 * Writes back what Redis has lost, or never knew, unless the call is tracked there.
 * KEYS as for writeCalls. ARGV: how many events to keep, then for each item: op
 * (`restored`; the removal; `remembered`, a removal that was already published), id,
 * value, the value that was read in `gone` (empty: none), and for removals the
 * instant (epoch ms). If `gone` has changed since it was read, it stays as it is.
 * Returns for each item 1 if it was written, otherwise 0.
 */
const writeBack = `
local results = {}
for i = 2, #ARGV, 5 do
  local op, id, value, expected, at = unpack(ARGV, i, i + 4)
  local gone = redis.call('HGET', KEYS[2], id) or ''
  local done = 0
  if redis.call('HEXISTS', KEYS[1], id) == 0 and gone == expected then
    if op == 'restored' then
      redis.call('HSET', KEYS[1], id, value)
      redis.call('HDEL', KEYS[2], id)
      redis.call('ZREM', KEYS[3], id)
    else
      redis.call('HSET', KEYS[2], id, value)
      redis.call('ZADD', KEYS[3], at, id)
    end
    done = 1
    if op ~= 'remembered' then
      redis.call(
        'XADD', KEYS[4], 'MAXLEN', '~', ARGV[1], '*', 'type', op, 'id', id, 'call', value)
    end
  end
  results[#results + 1] = done
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
 * Takes a replica's heartbeat, with its interval. KEYS: wheel, replicas. ARGV: replica, its lease
 * (ms), interval (ms), the name of the next era. Returns {verdict, interval, living replicas, era,
 * beat, now}.
 *
 * The verdict is `joined`, or `different` if other living replicas have another interval; then this
 * one is not counted. If there is no other living replica, the new interval counts. The era names
 * the time since this Redis last lost its data: without an interval the data is lost too, and a new
 * era begins. The beat counts the heartbeats of all replicas: if it is not greater than the last
 * one, Redis has gone back to older data. The instants are by Redis's clock (ms), which all replicas
 * share. A lease that is longer than any replica asks for dates from before that clock was set back,
 * and no longer counts.
 */
const joinWheel = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local laid = redis.call('HGET', KEYS[1], 'intervalMs')
if laid and laid ~= ARGV[3] then
  local others = {}
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. now, now + ${MOST_BELIEVED_MS})) do
    if id ~= ARGV[1] then others[#others + 1] = id end
  end
  if #others > 0 then return {'different', laid, others, '', 0, now} end
end
-- First a write that wants memory: after one that wants none, Redis lets these pass without it.
local beat = redis.call('HINCRBY', KEYS[1], 'beat', 1)
if not laid then redis.call('HSET', KEYS[1], 'era', ARGV[4]) end
if laid ~= ARGV[3] then redis.call('HSET', KEYS[1], 'intervalMs', ARGV[3]) end
redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '(' .. now + ${MOST_BELIEVED_MS}, '+inf')
local era = redis.call('HGET', KEYS[1], 'era') or ''
return {'joined', ARGV[3], redis.call('ZRANGE', KEYS[2], 0, -1), era, beat, now}
`;

/** KEYS: lock. ARGV: the key to it. */
const unlockSlot = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
`;

/**
 * Takes a lock, or renews it. KEYS: lock. ARGV: holder, for how long (ms). A lock that would last
 * longer than that dates from before Redis's clock was set back, and no longer counts.
 */
const holdLock = `
local holder = redis.call('GET', KEYS[1])
local isOurs = not holder or holder == ARGV[1]
if not isOurs and redis.call('PTTL', KEYS[1]) <= tonumber(ARGV[2]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
`;

export const SCRIPTS = {
  holdLock: { lua: holdLock, numberOfKeys: 1 },
  unlockSlot: { lua: unlockSlot, numberOfKeys: 1 },
  writeCalls: { lua: writeCalls, numberOfKeys: 4 },
  writeBack: { lua: writeBack, numberOfKeys: 4 },
  forgetGone: { lua: forgetGone, numberOfKeys: 2 },
  joinWheel: { lua: joinWheel, numberOfKeys: 2 },
};

export type JoinReply = [
  verdict: 'joined' | 'different',
  intervalMs: string,
  replicas: string[],
  era: string,
  beat: number,
  nowMs: number,
];

declare module 'ioredis' {
  interface RedisCommander<Context> {
    writeCalls(
      calls: string,
      gone: string,
      goneAt: string,
      events: string,
      ...args: (string | number)[]
    ): Result<(1 | string)[], Context>;
    writeBack(
      calls: string,
      gone: string,
      goneAt: string,
      events: string,
      ...args: (string | number)[]
    ): Result<(0 | 1)[], Context>;
    holdLock(lock: string, holder: string, forMs: number): Result<number, Context>;
    unlockSlot(lock: string, key: string): Result<number, Context>;
    forgetGone(gone: string, goneAt: string, before: number): Result<number, Context>;
    joinWheel(
      wheel: string,
      replicas: string,
      replica: string,
      ttlMs: number,
      intervalMs: number,
      newEra: string,
    ): Result<JoinReply, Context>;
  }
}
