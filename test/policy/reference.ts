/**
 * The policy read the slow way: every rule, every condition, every time, as the sentences about how a policy is read say it.
 * It shares nothing with `policy/` but types, so that the compiled evaluator has something to be compared with.
 */
import { createHmac } from 'node:crypto'
import type { Facts } from '../../policy/evaluate.ts'
import type { Policy, Rule, When } from '../../policy/policy.ts'
import type { Reason } from '../../policy/operation.ts'

type Open = 'size' | 'late' | 'lost' | 'groups'
/** What a condition says: yes, no, or what it waits for. */
type Answer = true | false | ReadonlySet<Open>

/** Whether what it speaks of must be shown to hold (an allow rule), or is feared to hold (any other). */
interface Reading {
  readonly facts: Facts
  readonly mustBeShown: boolean
}

export interface Read {
  readonly action: string
  readonly ruleId: string | null
  readonly reasons: readonly Reason[]
  readonly message: string | undefined
  readonly noted: readonly string[]
  readonly coach: true | undefined
  readonly exceptions: readonly { readonly ruleId: string; readonly id: string }[]
  readonly monitored: readonly { readonly ruleId: string; readonly action: string }[]
  readonly settled: boolean
  readonly recheckAt: number
  readonly recheckBodyAt: number
  readonly monitorOpen: boolean
}

export function read(policy: Policy, facts: Facts, late: 'block' | 'allow'): Read {
  const noted: string[] = []
  const monitored: { ruleId: string; action: string }[] = []
  const exceptions: { ruleId: string; id: string }[] = []
  const awaited: Rule[] = []
  const added = new Set<Reason>()
  let monitorOpen = false
  let ending: Rule | undefined
  let firstNoted: Rule | undefined

  for (const rule of policy.rules) {
    if (!rule.enabled || ending !== undefined) continue
    const isForThem = rule.mode === 'enforce' && isTakenIn(rule, facts)
    const exception = rule.coach === true ? facts.excepted?.get(rule.id) : undefined
    const isEnforced = isForThem && exception === undefined
    const found = holds(rule.when, { facts, mustBeShown: rule.action === 'allow' })
    const answer = settle(found, rule, late)
    if (isEnforced && rule.action !== 'log' && typeof found !== 'boolean' && typeof answer === 'boolean') {
      if (found.has('late')) added.add('late-fact')
      if (found.has('lost')) added.add('session-unavailable')
      if (found.has('groups')) added.add('groups-unavailable')
    }
    if (answer === false) continue
    if (answer === true) {
      if (isForThem && exception !== undefined) exceptions.push({ ruleId: rule.id, id: exception })
      if (!isEnforced) monitored.push({ ruleId: rule.id, action: rule.action })
      else if (rule.action === 'log') {
        noted.push(rule.id)
        firstNoted ??= rule
      } else ending = rule
    } else if (isEnforced) awaited.push(rule)
    else monitorOpen = true
  }

  let end = ending === undefined ? fallThrough(policy, facts, firstNoted) : ended(ending)
  const provisional = awaited.find(rule => rule.action === 'allow')
  if (end.action === 'block' && provisional !== undefined) end = ended(provisional)
  const reasons: Reason[] = [end.reason]
  if (awaited.length > 0) reasons.push('size-unknown')
  for (const reason of ['late-fact', 'session-unavailable', 'groups-unavailable'] as const) if (added.has(reason)) reasons.push(reason)
  if (exceptions.length > 0) reasons.push('exception')
  const limits = awaited.flatMap(rule => limitsIn(rule.when)).filter(limit => limit > facts.size.bytes)
  return {
    action: end.action, ruleId: end.ruleId, message: end.message, coach: end.coach, reasons, noted, exceptions, monitored, monitorOpen,
    settled: awaited.length === 0, recheckAt: Math.min(Infinity, ...limits),
    recheckBodyAt: Math.min(Infinity, ...awaited.flatMap(rule => volumesIn(rule.when)).flatMap(volume => nextBodyCounts(volume, facts))),
  }
}

/**
 * A rule with `enforceFor` is enforced for a share of the users, or else the addresses, and for members of its groups; one that
 * blocks also for those who may be members.
 */
function isTakenIn({ id, enforceFor, action }: Rule, { user, ip, groups, moreGroups = false }: Facts): boolean {
  if (enforceFor === undefined) return true
  if (enforceFor.groups !== undefined && moreGroups && action === 'block') return true
  if (list(enforceFor.groups).some(group => groups?.some(other => alike(group, other)))) return true
  const who = user === undefined ? `ip ${ip}` : `user ${user.toLowerCase()}`
  const start = createHmac('sha256', id).update(who).digest('hex').slice(0, 8)
  return Number.parseInt(start, 16) / 0x1_0000_0000 < (enforceFor.percent ?? 0) / 100
}

interface End {
  readonly action: string
  readonly ruleId: string | null
  readonly reason: Reason
  readonly message: string | undefined
  readonly coach?: true
}

function ended(rule: Rule): End {
  return { action: rule.action, ruleId: rule.id, reason: 'rule', message: rule.message, ...rule.coach === true && { coach: true } }
}

/** "If none ends it, an upload whose tenant is unknown follows `unknownTenant`, everything else `default`." */
function fallThrough(policy: Policy, facts: Facts, firstNoted: Rule | undefined): End {
  const isUnknown = facts.activity === 'upload' && facts.standing === 'unknown'
  const action = isUnknown ? policy.unknownTenant : policy.default
  if (action === 'allow' && firstNoted !== undefined) return ended(firstNoted)
  return { action, ruleId: null, reason: isUnknown ? 'unknown-tenant' : 'default', message: undefined }
}

/** "A block rule whose only open condition is such a fact is settled before the first content byte." */
function settle(answer: Answer, rule: Rule, late: 'block' | 'allow'): Answer {
  if (typeof answer === 'boolean') return answer
  if (!answer.has('late') && !answer.has('lost') && !answer.has('groups')) return answer
  if (rule.action !== 'block') return false
  if (answer.has('late') && late === 'allow') return false
  return answer.has('size') ? new Set<Open>(['size']) : true
}

/** "Within `when`, all named conditions must hold." */
function holds(when: When, reading: Reading): Answer {
  const answers = Object.keys(when).map(name => condition(name, when, reading))
  if (answers.includes(false)) return false
  const open = answers.flatMap(answer => typeof answer === 'boolean' ? [] : [...answer])
  return open.length === 0 ? true : new Set(open)
}

function condition(name: string, when: When, reading: Reading): Answer {
  const { facts } = reading
  switch (name) {
    case 'provider': return facts.provider !== null && list(when.provider).includes(facts.provider)
    case 'activity': return list(when.activity).includes(facts.activity)
    case 'method': return list(when.method).some(method => method.toUpperCase() === facts.method)
    case 'client': return list(when.client).includes(facts.client)
    case 'user': return list(when.user).some(user => alike(user, facts.user))
    case 'group': return list(when.group).some(group => facts.groups?.some(other => alike(group, other)))
      || (facts.moreGroups === true && new Set<Open>(['groups']))
    case 'tenant': return list(when.tenant).some(tenant => isTenant(tenant.toLowerCase(), reading))
    case 'source': return list(when.source).some(network => isInside(facts.ip, network))
    case 'host': return list(when.host).some(host => isHost(facts.host, host.toLowerCase()))
    case 'path': return list(when.path).some(glob => isGlob(facts.path, glob))
    case 'contentType': return list(when.contentType).some(type => isType(facts.contentType, type.toLowerCase()))
    case 'userAgent': return isUserAgent(facts.userAgent, when.userAgent)
    case 'fileName': return isFileName(list(when.fileName), reading)
    case 'size': return isSize(when.size, facts)
    case 'volume': return isVolume(when.volume, facts)
    case 'time': return isTime(when.time, facts.at)
    case 'not': return turned(holds(when.not ?? {}, { facts, mustBeShown: !reading.mustBeShown }))
    default: throw new Error(`${name} is not known to the reference`)
  }
}

/** "A list is any of." */
function list<T>(value: T | readonly T[] | undefined): readonly T[] {
  return value === undefined ? [] : Array.isArray(value) ? value : [value as T]
}

function turned(answer: Answer): Answer {
  return typeof answer === 'boolean' ? !answer : answer
}

function alike(a: string, b: string | undefined): boolean {
  return b !== undefined && a.toLowerCase() === b.toLowerCase()
}

/** A standing or an id; a credential that was not verified may deny, never allow. */
function isTenant(tenant: string, { facts, mustBeShown }: Reading): boolean {
  if (['sanctioned', 'unsanctioned', 'unknown'].includes(tenant)) return facts.standing === tenant
  if (facts.tenantDenies === true && mustBeShown) return false
  return facts.tenantIds.includes(tenant)
}

function isHost(host: string, wanted: string): boolean {
  if (!wanted.startsWith('*.')) return host === wanted
  return host.endsWith(wanted.slice(1)) && host !== wanted.slice(1)
}

function isType(given: string | undefined, wanted: string): boolean {
  const type = given?.split(';')[0]?.trim().toLowerCase()
  if (type === undefined) return false
  return wanted.endsWith('/*') ? type.split('/')[0] === wanted.slice(0, -2) : type === wanted
}

/** Works for the patterns that RE2 and JavaScript read alike, which the generator keeps to. */
function isUserAgent(text: string, wanted: When['userAgent']): boolean {
  const { matches, contains } = wanted ?? {}
  if (matches !== undefined && !list(matches).some(pattern => new RegExp(pattern, 'u').test(text))) return false
  return contains === undefined || list(contains).some(part => text.toLowerCase().includes(part.toLowerCase()))
}

function isGlob(text: string, glob: string): boolean {
  const source = glob.normalize('NFC').replaceAll(/\*\*|\*|\?|[^*?]+/g, part =>
    part === '**' ? '.*' : part === '*' ? '[^/]*' : part === '?' ? '[^/]' : part.replaceAll(/[\\^$.|+()[\]{}/]/g, '\\$&'))
  return new RegExp(`^(?:${source})$`, 'isu').test(text.normalize('NFC'))
}

/** Of several names one is enough to block, and all must fit to allow. */
function isFileName(globs: readonly string[], { facts, mustBeShown }: Reading): Answer {
  const fits = (name: string): boolean => globs.some(glob => isGlob(name, glob))
  const open = new Set<Open>(['late'])
  if (facts.fileNameIs === 'late') return open
  const known = facts.fileName === undefined || facts.fileNameIs === 'none' ? [] : facts.fileNames ?? [facts.fileName]
  if (facts.moreNames !== true) return known.length > 0 && (mustBeShown ? known.every(fits) : known.some(fits))
  if (known.length === 0) return open
  if (mustBeShown) return known.every(fits) ? open : false
  return known.some(fits) ? true : open
}

/** "A size condition on a body of unknown length stays open." */
function isSize(wanted: When['size'], { size, sessionLost, isEncoded }: Facts): Answer {
  const atLeast = bytesOf(wanted?.atLeast) ?? 0
  const below = bytesOf(wanted?.below) ?? Infinity
  // Of what is decoded only that it is no less is known, and it is told to nobody before.
  if (isEncoded === true) return size.bytes >= below ? false : size.bytes >= atLeast && below === Infinity ? true : new Set<Open>(['late'])
  const isCertain = size.is === 'exact' && sessionLost !== true
  if (isCertain) return size.bytes >= atLeast && size.bytes < below
  if (size.bytes >= below) return false
  if (size.bytes >= atLeast && below === Infinity) return true
  return new Set<Open>([sessionLost === true ? 'lost' : 'size'])
}

/** "Bytes that this user has uploaded to this provider in a sliding window, this request included": only the body at hand can add to them. */
function isVolume(wanted: When['volume'], facts: Facts): Answer {
  const { sent, limit } = volumeOf(wanted, facts)
  if (sent >= limit) return true
  return ownBody(facts).isAll ? false : new Set<Open>(['size'])
}

function volumeOf(wanted: When['volume'], facts: Facts): { sent: number; limit: number } {
  const window = wanted?.over === '60m' ? 3_600_000 : 604_800_000
  return { sent: (facts.sentBefore?.(window) ?? 0) + ownBody(facts).bytes, limit: bytesOf(wanted?.atLeast) ?? 0 }
}

function ownBody({ body, size }: Facts): { bytes: number; isAll: boolean } {
  return body ?? { bytes: size.bytes, isAll: size.is === 'exact' }
}

function volumesIn(when: When): When['volume'][] {
  return [...when.volume === undefined ? [] : [when.volume], ...when.not === undefined ? [] : volumesIn(when.not)]
}

/** When what is missing has come, and every MiB, since others may send meanwhile. */
function nextBodyCounts(wanted: When['volume'], facts: Facts): number[] {
  const { sent, limit } = volumeOf(wanted, facts)
  const { bytes } = ownBody(facts)
  return [bytes + 1_048_576, ...limit > sent ? [bytes + limit - sent] : []]
}

function limitsIn(when: When): number[] {
  const own = [bytesOf(when.size?.atLeast), bytesOf(when.size?.below)].filter(limit => limit !== undefined)
  return [...own, ...when.not === undefined ? [] : limitsIn(when.not)]
}

const WEEK = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']

/** "`from` later than `to` passes midnight": then it is the day before that must be named. Texts of HH:MM sort as the times do. */
function isTime(wanted: When['time'], at: number): boolean {
  const { days, from = '00:00', to = '24:00', timezone = 'UTC' } = wanted ?? {}
  const [date = '', clock = ''] = new Date(at).toLocaleString('sv-SE', { timeZone: timezone }).split(' ')
  const isDay = (before: number): boolean => {
    const day = WEEK[(new Date(`${date}T00:00:00Z`).getUTCDay() + 7 - before) % 7]
    return days === undefined || list(days).some(name => name === day)
  }
  const now = clock.slice(0, 5)
  if (from < to) return now >= from && now < to && isDay(0)
  return (now >= from && isDay(0)) || (now < to && isDay(1))
}

/** The generator writes whole numbers with no unit, KB, MB or KiB. */
function bytesOf(written: number | string | undefined): number | undefined {
  if (written === undefined) return undefined
  const unit = { KB: 1000, MB: 1_000_000, KiB: 1024 }[String(written).replace(/^\d+/, '')] ?? 1
  return Number.parseInt(String(written), 10) * unit
}

/** Addresses as their bits in IPv6, where IPv4 has its place below ::ffff:0:0/96. */
function isInside(ip: string, network: string): boolean {
  const [address = '', prefix] = network.split('/')
  const bits = address.includes(':') ? Number(prefix ?? 128) : 96 + Number(prefix ?? 32)
  const own = bitsOf(ip)
  return own !== undefined && own.slice(0, bits) === bitsOf(address)?.slice(0, bits)
}

function bitsOf(ip: string): string | undefined {
  const binary = (value: number, width: number): string => value.toString(2).padStart(width, '0')
  if (!ip.includes(':')) {
    const octets = ip.split('.')
    return octets.length === 4 ? '0'.repeat(80) + '1'.repeat(16) + octets.map(octet => binary(Number(octet), 8)).join('') : undefined
  }
  const [head = '', tail] = ip.split('::')
  const groups = (text: string): string[] => text === '' ? [] : text.split(':')
  const before = groups(head)
  const after = groups(tail ?? '')
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0')
  return [...before, ...zeros, ...after].map(group => binary(Number.parseInt(group, 16), 16)).join('')
}
