import { bindingKey, CHANGED, KEYS, sessionKey, TENANTS_KEYS } from './keys.ts'

/** A Lua script with the keys it touches; it runs as one step, so that nobody sees it half done. */
export interface Script {
  readonly lua: string
  readonly keys: readonly string[]
}

// Other tools write the tenants' hashes with a plain HSET and count nothing. So whoever looks compares a digest of
// all of them with the one at the last look, and counts the difference. Redis may put the fields in another order
// when a hash grows: then a difference is counted where there is none, which costs one reading.
const settle = `
local function settle(version, digestKey, first)
  local digests, fields = {}, 0
  for i = first, #KEYS do
    local flat = redis.call('HGETALL', KEYS[i])
    fields = fields + #flat
    digests[#digests + 1] = redis.sha1hex(cmsgpack.pack(flat))
  end
  local digest = redis.sha1hex(table.concat(digests))
  local last = redis.call('GET', digestKey)
  if last ~= digest and (last or fields > 0) then
    redis.call('SET', digestKey, digest)
    redis.call('INCR', version)
  end
  return tonumber(redis.call('GET', version) or '0'), digest
end
`
const allowlist = [KEYS.tenantsVersion, KEYS.tenantsDigest, ...TENANTS_KEYS]

/** → [current revision as JSON or false, tenants' version, flat hash per account…] */
export const LOAD: Script = {
  keys: [KEYS.policy, ...allowlist],
  lua: `${settle}
local version = settle(KEYS[2], KEYS[3], 4)
local answer = { redis.call('HGET', KEYS[1], 'current'), version }
for i = 4, #KEYS do answer[#answer + 1] = redis.call('HGETALL', KEYS[i]) end
return answer`,
}

/** → a short text that differs whenever policy or tenants do. */
export const FINGERPRINT: Script = {
  keys: [KEYS.policy, ...allowlist],
  lua: `${settle}
local version, digest = settle(KEYS[2], KEYS[3], 4)
return redis.sha1hex(redis.call('HGET', KEYS[1], 'current') or '') .. ' ' .. version .. ' ' .. digest`,
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

/** ARGV: key of the account's hash, id, value. */
export const PUT_TENANT: Script = {
  keys: allowlist,
  lua: `${settle}
redis.call('HSET', ARGV[1], ARGV[2], ARGV[3])
redis.call('PUBLISH', '${CHANGED}', 'tenants ' .. (settle(KEYS[1], KEYS[2], 3)))
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
if gone > 0 then redis.call('PUBLISH', '${CHANGED}', 'tenants ' .. (settle(KEYS[1], KEYS[2], 3))) end
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
