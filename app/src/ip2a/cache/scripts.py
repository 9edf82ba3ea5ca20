"""The Lua scripts: everything a request needs of Redis in one round trip, atomically.

A *subject* (`member:17`, `user:5`, `rates`) is a hash: field `g` is the WAL position of its last
invalidation,
`e:NAME` an entry, `l:NAME` the lease of whoever fills that entry. An entry is valid until its hard expiry
and only
if its snapshot is not older than `g`. Times are Redis' own, in milliseconds: application clocks do not
matter.
An entry is a header of 26 bytes (status, snapshot position, soft and hard expiry), an ETag of 16, and the
body.
"""

CHECK = b"""
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function window(index, count, before, at, length)
    local current = math.floor(at / length)
    if current == index then return index, count, before end
    if current == index + 1 then return current, 0, count end
    return current, 0, 0
end

-- Seconds until one more request fits, 0 if it does now.
local function wait(count, before, at, length, limit)
    local share = (at % length) / length
    if before * (1 - share) + count + 1 <= limit then return 0 end
    local rest = length - at % length
    if count + 1 > limit then return math.ceil((rest + length / limit) / 1000) end
    local free = 1 - (limit - 1 - count) / before
    return math.max(1, math.ceil((free - share) * length / 1000))
end

local limited, remaining = 0, 0
local per_minute, per_hour = tonumber(ARGV[1]), tonumber(ARGV[2])
if per_minute > 0 then
    local packed = redis.call('GET', KEYS[1])
    local m, mc, mb, h, hc, hb = 0, 0, 0, 0, 0, 0
    if packed then m, mc, mb, h, hc, hb = struct.unpack('>I4I4I4I4I4I4', packed) end
    m, mc, mb = window(m, mc, mb, now, 60000)
    h, hc, hb = window(h, hc, hb, now, 3600000)
    limited = math.max(wait(mc, mb, now, 60000, per_minute), wait(hc, hb, now, 3600000, per_hour))
    if limited == 0 then
        mc, hc = mc + 1, hc + 1
        redis.call('SET', KEYS[1], struct.pack('>I4I4I4I4I4I4', m, mc, mb, h, hc, hb), 'PX', 7200000)
    end
    remaining = math.max(0, math.floor(per_minute - mc - mb * (1 - (now % 60000) / 60000)))
    if limited > 0 then return {limited, 0} end
end

local function entry(key, name, lease, lease_time)
    local found = redis.call('HMGET', key, 'g', 'e:' .. name)
    local g, value = found[1], found[2]
    local valid, fresh = false, false
    if g and value then
        local _, lsn, soft, hard = struct.unpack('>I2I8I8I8', value)
        valid = hard > now and lsn >= tonumber(g)
        fresh = soft > now
    end
    if valid and fresh then return value, g, 0 end
    local held = redis.call('HGET', key, 'l:' .. name)
    local got = 0
    if not held or tonumber(string.match(held, '^%d+')) <= now then
        redis.call('HSET', key, 'l:' .. name, (now + lease_time) .. ':' .. lease)
        if redis.call('PTTL', key) < 60000 then redis.call('PEXPIRE', key, 60000) end
        got = 1
    end
    return valid and value or false, g, got
end

local answer = {0, remaining}
for index = 2, #KEYS do
    local value, g, lease = entry(KEYS[index], ARGV[index + 3], ARGV[3], tonumber(ARGV[4]))
    table.insert(answer, value)
    table.insert(answer, g)
    table.insert(answer, lease)
end
return answer
"""
"""KEYS: limit counter, subjects. ARGV: per minute, per hour (0 = do not count), lease, lease time, entry names.

Answers [wait in seconds or 0, remaining, then for each subject: entry or nil, g or nil, 1 if we hold the
lease].
"""

FILL = b"""
local held = redis.call('HGET', KEYS[1], 'l:' .. ARGV[1])
if not held or string.match(held, ':(.*)$') ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[1], 'l:' .. ARGV[1])
local lsn = tonumber(ARGV[3])
local g = redis.call('HGET', KEYS[1], 'g')
if g and lsn < tonumber(g) then return 0 end
if not g then
    if ARGV[4] ~= '1' then return 0 end
    redis.call('HSET', KEYS[1], 'g', ARGV[3])
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local soft, hard = tonumber(ARGV[6]), tonumber(ARGV[7])
local head = struct.pack('>I2I8I8I8', tonumber(ARGV[5]), lsn, now + soft, now + hard)
redis.call('HSET', KEYS[1], 'e:' .. ARGV[1], head .. ARGV[8])
local keep = math.max(hard, 7200000)
if redis.call('PTTL', KEYS[1]) < keep then redis.call('PEXPIRE', KEYS[1], keep) end
return 1
"""
"""KEYS: subject. ARGV: name, lease, snapshot position, 1 if read from the primary, status, soft and hard life in
milliseconds, ETag and body. Answers 1 if stored: the lease still held, the snapshot not older than the last
invalidation, and, where that is unknown, the primary asked."""

INVALIDATE = b"""
for _, key in ipairs(KEYS) do
    local g = redis.call('HGET', key, 'g')
    local position = tonumber(ARGV[1])
    if g and tonumber(g) > position then position = tonumber(g) end
    redis.call('DEL', key)
    redis.call('HSET', key, 'g', string.format('%.0f', position))
    redis.call('PEXPIRE', key, 7200000)
end
return #KEYS
"""
"""KEYS: subjects. ARGV: a WAL position at or behind the change's commit."""
