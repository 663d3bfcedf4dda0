import type { Result } from 'ioredis';

/** The longest `heartbeatTtlMs` that any replica asks for. */
const LONGEST_HEARTBEAT_TTL_MS = 60_000;

/**
 * Records a replica's heartbeat and its interval. KEYS: wheel, replicas, served. ARGV: replica, how
 * long it counts as living (ms), interval (ms). Instants are in ms by Redis's clock, which all
 * replicas share.
 *
 * Returns {verdict, interval, living replicas, whether Redis was empty (0 or 1), now, the instant
 * since which some replica has always served}. The verdict is `joined`, or `different` if other
 * living replicas have another interval: then this one is not counted. If no other replica is left,
 * the new interval counts. Without an interval Redis is new or has lost its data.
 *
 * If a replica would count as living for longer than any replica asks for, its entry was written
 * before the clock was set back. A break is a time in which no replica counted as living, or a step
 * of the clock: both show as a gap between two heartbeats.
 */
const joinWheel = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local laid = redis.call('GET', KEYS[1])
if laid and laid ~= ARGV[3] then
  local others = {}
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. now, now + ${LONGEST_HEARTBEAT_TTL_MS})) do
    if id ~= ARGV[1] then others[#others + 1] = id end
  end
  if #others > 0 then return {'different', laid, others, 0, now, now} end
end
-- First what needs memory: after a write that needs none, Redis lets these pass without it.
redis.call('SET', KEYS[1], ARGV[3])
redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[1])
local since, last = unpack(redis.call('HMGET', KEYS[3], 'since', 'last'))
local gap = now - (tonumber(last or '') or 0)
if not since or gap < 0 or gap > tonumber(ARGV[2]) then since = now end
redis.call('HSET', KEYS[3], 'since', since, 'last', now)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '(' .. now + ${LONGEST_HEARTBEAT_TTL_MS}, '+inf')
return {'joined', ARGV[3], redis.call('ZRANGE', KEYS[2], 0, -1), laid and 0 or 1, now, tonumber(since)}
`;

/** KEYS: lock. ARGV: holder. */
const releaseLock = `
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
  releaseLock: { lua: releaseLock, numberOfKeys: 1 },
  joinWheel: { lua: joinWheel, numberOfKeys: 3 },
};

export type JoinReply = [
  verdict: 'joined' | 'different',
  intervalMs: string,
  replicas: string[],
  wasEmpty: 0 | 1,
  nowMs: number,
  servedSince: number,
];

declare module 'ioredis' {
  interface RedisCommander<Context> {
    holdLock(lock: string, holder: string, forMs: number): Result<number, Context>;
    releaseLock(lock: string, holder: string): Result<number, Context>;
    joinWheel(
      wheel: string,
      replicas: string,
      served: string,
      replica: string,
      ttlMs: number,
      intervalMs: number,
    ): Result<JoinReply, Context>;
  }
}
