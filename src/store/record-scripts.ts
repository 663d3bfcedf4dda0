import type { Result } from 'ioredis';

/**
 * Writes each record only if the text that it is based on is still in Redis, and publishes the
 * events of the change in the same step: no change without its event, no event without its change.
 *
 * KEYS: the stream of events, the stream of webhook deliveries, then for each slot its tracked
 * records, its removed records, and the instants of their removal. ARGV: how many events to keep,
 * how many webhook deliveries to keep (0 for all), then for each slot the number of its writes, and
 * for each write: id, the expected text ('' for none), the new text, when the record was removed
 * ('' if it is tracked), and the events to publish, three lines for each: type, name, instant.
 * Returns for each write 1, or the text that Redis has instead of the expected one.
 *
 * If a key has the wrong type, or Redis is out of memory, the script fails before it writes
 * anything: it first reads every key that it may write, and runs the commands that need memory
 * before the others.
 */
const writeRecords = `
redis.call('XLEN', KEYS[1])
redis.call('XLEN', KEYS[2])

local function publish(id, text, type, name, at)
  local fields = {'type', type, 'name', name, 'at', at, 'id', id, 'record', text}
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', unpack(fields))
  if type == 'tracked' then return end
  if ARGV[2] == '0' then
    redis.call('XADD', KEYS[2], '*', unpack(fields))
  else
    redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[2], '*', unpack(fields))
  end
end

local function readSlot(key, first, last)
  local ids, texts, missing, isRemoved, isRemoval = {}, {}, {}, {}, false
  for i = first, last, 5 do
    ids[#ids + 1] = ARGV[i]
    isRemoval = isRemoval or ARGV[i + 3] ~= ''
  end
  for i, text in ipairs(redis.call('HMGET', KEYS[key], unpack(ids))) do
    if text then texts[ids[i]] = text else missing[#missing + 1] = ids[i] end
  end
  if #missing > 0 or isRemoval then
    redis.call('HLEN', KEYS[key + 1])
    redis.call('ZCARD', KEYS[key + 2])
  end
  if #missing > 0 then
    for i, text in ipairs(redis.call('HMGET', KEYS[key + 1], unpack(missing))) do
      if text then
        texts[missing[i]] = text
        isRemoved[missing[i]] = true
      end
    end
  end
  return {first = first, last = last, texts = texts, isRemoved = isRemoved}
end

local read = {}
local at = 3
for key = 3, #KEYS, 3 do
  local last = at + 5 * ARGV[at]
  read[key] = readSlot(key, at + 1, last)
  at = last + 1
end

local results = {}
for key = 3, #KEYS, 3 do
  local tracked, removed, removedAt = KEYS[key], KEYS[key + 1], KEYS[key + 2]
  local texts, isRemoved = read[key].texts, read[key].isRemoved
  local changed = {}
  for i = read[key].first, read[key].last, 5 do
    local id, expected, text, goneAt, events = unpack(ARGV, i, i + 4)
    local current = texts[id] or ''
    if current ~= expected then
      results[#results + 1] = current
    else
      results[#results + 1] = 1
      if text ~= current then
        texts[id] = text
        changed[id] = goneAt
      end
      for type, name, instant in string.gmatch(events, '([^\\n]+)\\n([^\\n]+)\\n([^\\n]+)') do
        publish(id, text, type, name, instant)
      end
    end
  end
  local puts, gone, back = {}, {}, {}
  for id, goneAt in pairs(changed) do
    if goneAt == '' then
      puts[#puts + 1] = id
      puts[#puts + 1] = texts[id]
      if isRemoved[id] then back[#back + 1] = id end
    else
      redis.call('HSET', removed, id, texts[id])
      redis.call('ZADD', removedAt, goneAt, id)
      gone[#gone + 1] = id
    end
  end
  if #puts > 0 then redis.call('HSET', tracked, unpack(puts)) end
  if #gone > 0 then redis.call('HDEL', tracked, unpack(gone)) end
  if #back > 0 then
    redis.call('HDEL', removed, unpack(back))
    redis.call('ZREM', removedAt, unpack(back))
  end
end
return results
`;

/**
 * Deletes records that were removed before an instant. KEYS: removed, removed-at. ARGV: epoch ms,
 * the most to delete. Returns how many it deleted.
 */
const pruneRemoved = `
local ids = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', '(' .. ARGV[1], 'LIMIT', 0, ARGV[2])
if #ids > 0 then
  redis.call('HDEL', KEYS[1], unpack(ids))
  redis.call('ZREM', KEYS[2], unpack(ids))
end
return #ids
`;

export const RECORD_SCRIPTS = {
  writeRecords: { lua: writeRecords },
  pruneRemoved: { lua: pruneRemoved, numberOfKeys: 2 },
};

declare module 'ioredis' {
  interface RedisCommander<Context> {
    writeRecords(
      numberOfKeys: number,
      ...keysAndArgs: (string | number)[]
    ): Result<(1 | string)[], Context>;
    pruneRemoved(
      removed: string,
      removedAt: string,
      before: number,
      most: number,
    ): Result<number, Context>;
  }
}
