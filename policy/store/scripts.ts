import { bindingKey, CHANGED, KEYS, sessionKey, TENANTS_KEYS } from './keys.ts'

/**
 * Lists of at least this many bytes are not looked at each time but after a pause: a millisecond for each 1,000 bytes, so that
 * looking costs Redis a hundredth of its time, however many nodes look (100,000 tenants: 7 MB, about 80 ms every 7 s).
 */
const LOOK_BYTES = 500_000
const LOOK_BYTES_PER_MS = 1_000

/** A Lua script with the keys it touches; it runs as one step, so that nobody sees it half done. */
export interface Script {
  readonly lua: string
  readonly keys: readonly string[]
}

// Other tools write the tenants' hashes with a plain HSET and count nothing. So whoever looks compares a digest of
// all of them with the one at the last look, and counts the difference. DUMP is the cheapest whole reading that Redis
// has (a fifth of HGETALL in a script). Redis may put the fields in another order when a hash grows: then a difference is
// counted where there is none, which costs one reading. `at`: where in KEYS the version stands.
const settle = `
local function settle(at, force)
  if force or redis.call('EXISTS', KEYS[at + 2]) == 0 then
    local digests, bytes = {}, 0
    for i = at + 3, #KEYS do
      local all = redis.call('DUMP', KEYS[i]) or ''
      bytes = bytes + #all
      digests[#digests + 1] = redis.sha1hex(all)
    end
    local digest = redis.sha1hex(table.concat(digests))
    local last = redis.call('GET', KEYS[at + 1])
    if last ~= digest and (last or bytes > 0) then
      redis.call('SET', KEYS[at + 1], digest)
      redis.call('INCR', KEYS[at])
    end
    if bytes >= ${LOOK_BYTES} then redis.call('SET', KEYS[at + 2], 1, 'PX', math.floor(bytes / ${LOOK_BYTES_PER_MS})) end
  end
  return tonumber(redis.call('GET', KEYS[at]) or '0')
end
`
const allowlist = [KEYS.tenantsVersion, KEYS.tenantsDigest, KEYS.tenantsLooked, ...TENANTS_KEYS]

/** → [current revision as JSON or false, tenants' version, their digest at the last look or false] */
export const STATE: Script = {
  keys: [KEYS.policy, ...allowlist],
  lua: `${settle}
local version = settle(2)
return { redis.call('HGET', KEYS[1], 'current'), version, redis.call('GET', KEYS[3]) }`,
}

/** ARGV: 1 to look at the allowlists however long they are. → a short text that differs whenever policy or tenants do. */
export const FINGERPRINT: Script = {
  keys: [KEYS.policy, ...allowlist],
  lua: `${settle}
local version = settle(2, ARGV[1] == '1')
return redis.sha1hex(redis.call('HGET', KEYS[1], 'current') or '') .. ' ' .. version .. ' ' .. (redis.call('GET', KEYS[3]) or '')`,
}

/** ARGV: expected revision, the new one as JSON. → [1, its number] or [0, the number found] */
export const PUT_POLICY: Script = {
  keys: [KEYS.policy, KEYS.revisions],
  lua: `
local found = tonumber(redis.call('HGET', KEYS[1], 'revision') or '0')
if found ~= tonumber(ARGV[1]) then return { 0, found } end
local new = redis.call('HINCRBY', KEYS[1], 'revision', 1)
redis.call('HSET', KEYS[1], 'current', ARGV[2])
redis.call('HSET', KEYS[2], new, ARGV[2])
redis.call('PUBLISH', '${CHANGED}', 'policy ' .. new)
return { 1, new }`,
}

/** How many values one call in a script is given: Lua's stack has an end. */
const VALUES = 4_000

/**
 * ARGV: the version that must be found, empty for any; JSON of [[key of an account's hash, id, value, id, value…]…].
 * → 1, or 0 with nothing changed where another version was found.
 */
export const PUT_TENANTS: Script = {
  keys: allowlist,
  lua: `${settle}
if ARGV[1] ~= '' and settle(1, true) ~= tonumber(ARGV[1]) then return 0 end
for _, group in ipairs(cjson.decode(ARGV[2])) do
  for i = 2, #group, ${VALUES} do
    redis.call('HSET', group[1], unpack(group, i, math.min(i + ${VALUES - 1}, #group)))
  end
end
redis.call('PUBLISH', '${CHANGED}', 'tenants ' .. settle(1, true))
return 1`,
}

/** ARGV: key of the account's hash, id. → how many fields went; other tools may have written the id in capitals. */
export const DELETE_TENANT: Script = {
  keys: allowlist,
  lua: `${settle}
local gone = 0
for _, field in ipairs(redis.call('HKEYS', ARGV[1])) do
  if string.lower(field) == ARGV[2] then gone = gone + redis.call('HDEL', ARGV[1], field) end
end
if gone > 0 then redis.call('PUBLISH', '${CHANGED}', 'tenants ' .. settle(1, true)) end
return gone`,
}

/** → [binding as JSON, milliseconds it still has], or false; what is of another type is none, rather than an outage. */
export function getBinding(digest: string): Script {
  return {
    keys: [bindingKey(digest)],
    lua: `
local found = redis.pcall('GET', KEYS[1])
return type(found) == 'string' and { found, redis.call('PTTL', KEYS[1]) }`,
  }
}

/** How many upload sessions stay; the oldest go first. At most 2 KB each. */
const MAX_SESSIONS = 100_000

/**
 * ARGV: milliseconds to live (0: forget it), prefix of the keys, digest, bytes, start, bytes to be added to `sent`, then
 * fields and values. A sorted set of all sessions by the end of their time keeps their number bounded.
 */
export function putSession(digest: string): Script {
  return {
    keys: [sessionKey(digest), KEYS.sessions],
    lua: `
local ttl, prefix, digest = tonumber(ARGV[1]), ARGV[2], ARGV[3]
if ttl <= 0 then
  redis.call('ZREM', KEYS[2], digest)
  return redis.call('DEL', KEYS[1])
end
local found = redis.call('HMGET', KEYS[1], 'bytes', 'startedAt', 'sent')
if tonumber(ARGV[4]) >= (tonumber(found[1] or '0') or 0) then redis.call('HSET', KEYS[1], 'bytes', ARGV[4]) end
if (tonumber(found[2] or '0') or 0) == 0 then redis.call('HSET', KEYS[1], 'startedAt', ARGV[5]) end
local sent = (tonumber(found[3] or '0') or 0) + tonumber(ARGV[6])
redis.call('HSET', KEYS[1], 'sent', string.format('%.0f', math.min(sent, ${Number.MAX_SAFE_INTEGER})))
for i = 7, #ARGV - 1, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('PEXPIRE', KEYS[1], ttl)
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[2], string.format('%.0f', now + ttl), digest)
redis.call('PEXPIRE', KEYS[2], ttl)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', string.format('%.0f', now))
local over = redis.call('ZCARD', KEYS[2]) - ${MAX_SESSIONS}
if over > 0 then
  local oldest = redis.call('ZPOPMIN', KEYS[2], over)
  for i = 1, #oldest, 2 do redis.call('DEL', prefix .. oldest[i]) end
end
return 1`,
  }
}
