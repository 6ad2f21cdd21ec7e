import { bindingKey, CHANGED, KEYS, sessionKey, TENANTS_KEYS } from './keys.ts'
import { SCHEMA } from './schema.ts'

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
// counted where there is none, which costs one reading. `at`: where in KEYS the version stands. A Redis that is full refuses what is
// written here; it is read all the same, and the digest that was found then tells of a change. → version, digest or false
const settle = `
local function settle(at, force)
  local found
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
      found = digest
      if not redis.pcall('SET', KEYS[at + 1], digest).err then redis.pcall('INCR', KEYS[at]) end
    end
    if bytes >= ${LOOK_BYTES} then redis.pcall('SET', KEYS[at + 2], 1, 'PX', math.floor(bytes / ${LOOK_BYTES_PER_MS})) end
  end
  return tonumber(redis.call('GET', KEYS[at]) or '0'), found or redis.call('GET', KEYS[at + 1])
end
`
const allowlist = [KEYS.tenantsVersion, KEYS.tenantsDigest, KEYS.tenantsLooked, ...TENANTS_KEYS]

/** → [current revision as JSON or false, tenants' version, their digest at the last look or false, controls as JSON or false] */
export const STATE: Script = {
  keys: [KEYS.policy, KEYS.controls, ...allowlist],
  lua: `${settle}
local version, digest = settle(3)
return { redis.call('HGET', KEYS[1], 'current'), version, digest, redis.call('GET', KEYS[2]) }`,
}

/** ARGV: 1 to look at the allowlists however long they are. → a short text that differs whenever policy, tenants or controls do. */
export const FINGERPRINT: Script = {
  keys: [KEYS.policy, KEYS.controls, ...allowlist],
  lua: `${settle}
local version, digest = settle(3, ARGV[1] == '1')
local texts = (redis.call('HGET', KEYS[1], 'current') or '') .. ' ' .. (redis.call('GET', KEYS[2]) or '')
return redis.sha1hex(texts) .. ' ' .. version .. ' ' .. (digest or '')`,
}

/**
 * A script that makes a change and appends the audit entry of it, both or neither. Its keys begin with the audit log and the schema.
 * ARGV: the head that the entry was made for (`seq:hash`, empty for none), the entry's seq, the entry as JSON, the head it makes;
 * then what is said of each. → ['late', the head found] with nothing changed where another entry came between, ['newer', schema]
 * where another Sluice has upgraded the store meanwhile; else what is said of each.
 * Lua has no SHA-256, so that the entry is made by whoever calls. `append()` is called where the change is made, `late()` before.
 */
function audited(keys: readonly string[], lua: string): Script {
  return {
    keys: [KEYS.audit, KEYS.schema, ...keys],
    lua: `
local function late()
  local mark = tonumber(redis.call('GET', KEYS[2]) or '${SCHEMA}') or 0
  if mark > ${SCHEMA} then return { 'newer', mark } end
  local head = redis.call('HGET', KEYS[1], 'head') or ''
  if head ~= ARGV[1] or redis.call('HEXISTS', KEYS[1], ARGV[2]) == 1 then return { 'late', head } end
end
local function append()
  redis.call('HSET', KEYS[1], ARGV[2], ARGV[3], 'head', ARGV[4])
end
${lua}`,
  }
}

/** → 1 */
export const NOTE: Script = audited([], `
local came = late()
if came then return came end
append()
return 1`)

/**
 * ARGV, after those of `audited`: the schema. Marks a store that has no mark; where one of before is found, its audit log begins with
 * the entry. → the schema that it has.
 */
export const MARK: Script = audited([KEYS.policy, KEYS.tokens, ...TENANTS_KEYS], `
local found = redis.call('GET', KEYS[2])
if found then return found end
local holds = 0
for i = 3, #KEYS do holds = holds + redis.call('EXISTS', KEYS[i]) end
if holds > 0 and not late() then append() end
redis.call('SET', KEYS[2], ARGV[5])
return ARGV[5]`)

/** ARGV, after those of `audited`: expected revision, the new one as JSON. → [1, its number] or [0, the number found] */
export const PUT_POLICY: Script = audited([KEYS.policy, KEYS.revisions], `
local found = tonumber(redis.call('HGET', KEYS[3], 'revision') or '0')
if found ~= tonumber(ARGV[5]) then return { 0, found } end
local came = late()
if came then return came end
local new = redis.call('HINCRBY', KEYS[3], 'revision', 1)
redis.call('HSET', KEYS[3], 'current', ARGV[6])
redis.call('HSET', KEYS[4], new, ARGV[6])
append()
redis.call('PUBLISH', '${CHANGED}', 'policy ' .. new)
return { 1, new }`)

/** How many values one call in a script is given: Lua's stack has an end. */
const VALUES = 4_000

/**
 * ARGV, after those of `audited`: the version that must be found, empty for any; JSON of [[key of an account's hash, id, value, id,
 * value…]…]. → 1, or 0 with nothing changed where another version was found.
 */
export const PUT_TENANTS: Script = audited(allowlist, `${settle}
if ARGV[5] ~= '' and (settle(3, true)) ~= tonumber(ARGV[5]) then return 0 end
local came = late()
if came then return came end
for _, group in ipairs(cjson.decode(ARGV[6])) do
  for i = 2, #group, ${VALUES} do
    redis.call('HSET', group[1], unpack(group, i, math.min(i + ${VALUES - 1}, #group)))
  end
end
append()
redis.call('PUBLISH', '${CHANGED}', 'tenants ' .. (settle(3, true)))
return 1`)

/**
 * ARGV, after those of `audited`: key of the account's hash, id, the version that must be found (empty for any). → how many fields
 * went, 0 also where another version was found; other tools may write ids in capitals.
 */
export const DELETE_TENANT: Script = audited(allowlist, `${settle}
if ARGV[7] ~= '' and (settle(3, true)) ~= tonumber(ARGV[7]) then return 0 end
local came = late()
if came then return came end
local gone = 0
for _, field in ipairs(redis.call('HKEYS', ARGV[5])) do
  if string.lower(field) == ARGV[6] then gone = gone + redis.call('HDEL', ARGV[5], field) end
end
if gone > 0 then
  append()
  redis.call('PUBLISH', '${CHANGED}', 'tenants ' .. (settle(3, true)))
end
return gone`)

/** ARGV, after those of `audited`: id, the token as JSON, or nothing to delete it. → 1, or 0 where there was none to delete. */
export const PUT_TOKEN: Script = audited([KEYS.tokens, KEYS.tokenUses], `
local came = late()
if came then return came end
if ARGV[6] then
  redis.call('HSET', KEYS[3], ARGV[5], ARGV[6])
else
  if redis.call('HDEL', KEYS[3], ARGV[5]) == 0 then return 0 end
  redis.call('HDEL', KEYS[4], ARGV[5])
end
append()
return 1`)

/** ARGV: id, milliseconds since 1970. → 1 */
export const USE_TOKEN: Script = {
  keys: [KEYS.tokenUses],
  lua: `
local last = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '0') or 0
if tonumber(ARGV[2]) > last then redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end
return 1`,
}

/** ARGV, after those of `audited`: the version that must be found, the new controls as JSON. → 1, or 0 with nothing changed. */
export const PUT_CONTROLS: Script = audited([KEYS.controls], `
local found = redis.call('GET', KEYS[3])
local version = found and cjson.decode(found).version or 0
if version ~= tonumber(ARGV[5]) then return 0 end
local came = late()
if came then return came end
redis.call('SET', KEYS[3], ARGV[6])
append()
redis.call('PUBLISH', '${CHANGED}', 'controls ' .. (version + 1))
return 1`)

/** How many keys of `RESTORE` come before those that differ from one restoration to the next. */
const FIXED = 7 + allowlist.length

/**
 * Keys: these, where the log that is there goes, then what was written beside: revisions, tokens, the log, each account's tenants. ARGV:
 * the head and the revision that must be found; 1 where another log takes the place; seq, JSON and head of the entry; number and JSON
 * of the current revision (0: none); controls as JSON, empty for none; the schema. → 1, or 0 with nothing changed.
 */
export const RESTORE: Script = {
  keys: [KEYS.audit, KEYS.schema, KEYS.policy, KEYS.revisions, KEYS.tokens, KEYS.tokenUses, KEYS.controls, ...allowlist],
  lua: `
if (redis.call('HGET', KEYS[1], 'head') or '') ~= ARGV[1] then return 0 end
if tonumber(redis.call('HGET', KEYS[3], 'revision') or '0') ~= tonumber(ARGV[2]) then return 0 end
if (tonumber(redis.call('GET', KEYS[2]) or ARGV[10]) or 0) > tonumber(ARGV[10]) then return 0 end
local function put(from, to)
  redis.call('UNLINK', to)
  if redis.call('EXISTS', from) == 0 then return end
  redis.call('RENAME', from, to)
  redis.call('PERSIST', to)
end
local beside = ${FIXED + 2}
put(KEYS[beside], KEYS[4])
put(KEYS[beside + 1], KEYS[5])
redis.call('UNLINK', KEYS[6])
if ARGV[3] == '1' then
  if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('RENAME', KEYS[1], KEYS[${FIXED + 1}]) end
  put(KEYS[beside + 2], KEYS[1])
end
for i = 1, ${TENANTS_KEYS.length} do put(KEYS[beside + 2 + i], KEYS[${FIXED - TENANTS_KEYS.length} + i]) end
if ARGV[9] == '' then redis.call('DEL', KEYS[7]) else redis.call('SET', KEYS[7], ARGV[9]) end
if ARGV[7] == '0' then redis.call('DEL', KEYS[3]) else redis.call('HSET', KEYS[3], 'revision', ARGV[7], 'current', ARGV[8]) end
redis.call('HSET', KEYS[1], ARGV[4], ARGV[5], 'head', ARGV[6])
redis.call('SET', KEYS[2], ARGV[10])
redis.call('INCR', KEYS[8])
redis.call('DEL', KEYS[9], KEYS[10])
redis.call('PUBLISH', '${CHANGED}', 'policy ' .. ARGV[7])
redis.call('PUBLISH', '${CHANGED}', 'tenants')
return 1`,
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
 * ARGV: milliseconds to live (0: forget it), prefix of the keys, digest, bytes, start, bytes to be added to `sent`, the field of who
 * writes (empty: nobody) and what he has sent in all, of which only what is not held yet is added then; fields and values. A sorted set of all sessions by the end of their time keeps their number bounded.
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
local found = redis.call('HMGET', KEYS[1], 'bytes', 'startedAt', 'sent', ARGV[7])
if tonumber(ARGV[4]) >= (tonumber(found[1] or '0') or 0) then redis.call('HSET', KEYS[1], 'bytes', ARGV[4]) end
if (tonumber(found[2] or '0') or 0) == 0 then redis.call('HSET', KEYS[1], 'startedAt', ARGV[5]) end
local more = tonumber(ARGV[6])
if ARGV[7] ~= '' then
  more = math.max(0, tonumber(ARGV[8]) - (tonumber(found[4] or '0') or 0))
  if more > 0 then redis.call('HSET', KEYS[1], ARGV[7], ARGV[8]) end
end
local sent = (tonumber(found[3] or '0') or 0) + more
redis.call('HSET', KEYS[1], 'sent', string.format('%.0f', math.min(sent, ${Number.MAX_SAFE_INTEGER})))
for i = 9, #ARGV - 1, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
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
