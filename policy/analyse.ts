/**
 * Finds rules that do nothing, contradict the allowlist or trust what anybody may say of himself, before anybody wonders why. Pure. It keeps silent where it is not certain:
 * what it names is so, what it does not name may be so too. Ten thousand rules take two seconds at most (`enders.ts` bounds it).
 */
import { excludesItself } from './covers.ts'
import { Enders } from './enders.ts'
import type { Placed } from './enders.ts'
import { STANDINGS } from './operation.ts'
import type { Provider } from './operation.ts'
import { ACCOUNTS, builtin } from './providers/index.ts'
import type { Account } from './providers/index.ts'
import type { Policy, When } from './schema.ts'
import type { TenantIndex } from './tenant/allowlist.ts'

/** Something about a rule that its author will not have meant. The policy is valid all the same. */
export interface Finding {
  /** Where in the policy: `rules/3`. */
  readonly path: string
  readonly kind: 'never-matches' | 'never-enforced' | 'shadowed' | 'contradicts-allowlist' | 'spoofable'
  readonly ruleId: string
  /** The rule that is in the way. */
  readonly otherRuleId?: string
  /** One sentence, which names the rules. */
  readonly message: string
  readonly remedy: string
}

/** In the order of the rules, at most one for each. `tenants`: the allowlist; null where none is at hand. */
export function analyse(policy: Policy, tenants: TenantIndex | null): Finding[] {
  const read = policy.rules.flatMap((rule, order): Placed[] => rule.enabled ? [{ rule, order }] : [])
  const enders = new Enders(read)
  const blocksUntil = policy.default === 'block' || policy.unknownTenant === 'block' ? Infinity : read.findLast(({ rule }) => rule.action === 'block')?.order ?? 0
  return read.flatMap((placed) => {
    const found = neverHolds(placed) ?? shadowed(placed, enders) ?? (tenants === null ? undefined : contradicts(placed, tenants))
      ?? (placed.order < blocksUntil ? spoofable(placed) : undefined)
    enders.add(placed)
    return found ?? []
  })
}

function neverHolds({ rule, order }: Placed): Finding | undefined {
  const { id, when, enforceFor } = rule
  const at = { path: `rules/${order}`, ruleId: id }
  if (excludesItself(when)) {
    return {
      ...at, kind: 'never-matches', message: `${id} can never match: its not excludes all that its other conditions let in.`,
      remedy: 'Narrow the not, or remove the rule.',
    }
  }
  const paths = typeof when.path === 'string' ? [when.path] : when.path
  if (paths?.every(path => !/^[/*?]/.test(path)) === true) {
    return {
      ...at, kind: 'never-matches', message: `${id} can never match: a path begins with a slash, and none of its globs does.`,
      remedy: `Write /${paths[0] ?? ''} or **/${paths[0] ?? ''}.`,
    }
  }
  if (enforceFor !== undefined && (enforceFor.percent ?? 0) === 0 && enforceFor.groups === undefined) {
    return {
      ...at, kind: 'never-enforced', message: `${id} is enforced for nobody: its enforceFor names 0 percent and no group.`,
      remedy: 'Raise percent, or write mode: monitor instead.',
    }
  }
  return undefined
}

function shadowed(placed: Placed, enders: Enders): Finding | undefined {
  const other = enders.over(placed.rule)
  if (other === undefined) return undefined
  const { id } = placed.rule
  return {
    path: `rules/${placed.order}`, kind: 'shadowed', ruleId: id, otherRuleId: other.id,
    message: `${id} is never reached: every request that it matches is ended before by ${other.id} (${other.action}).`,
    remedy: `Move ${id} before ${other.id}, narrow ${other.id}, or remove ${id}.`,
  }
}

/** Only rules that say nothing but whose place it is: a limit for some users or sizes of an own tenant contradicts nothing. */
const PLACE: readonly string[] = ['provider', 'activity', 'tenant'] satisfies (keyof When)[]

function contradicts({ rule, order }: Placed, tenants: TenantIndex): Finding | undefined {
  const { id, action, when } = rule
  const accounts = accountsOf(when)
  if (action === 'log' || accounts === undefined || !Object.keys(when).every(name => PLACE.includes(name))) return undefined
  const ids = many(when.tenant).filter(name => !STANDINGS.some(standing => standing === name.toLowerCase()))
  const isListed = (name: string): boolean => accounts.some(account => tenants.has(account, name) !== undefined)
  const at = { path: `rules/${order}`, kind: 'contradicts-allowlist', ruleId: id } as const
  if (action === 'block') {
    const listed = ids.find(isListed)
    return listed === undefined ? undefined : {
      ...at, message: `${id} blocks ${listed}, which the allowlist names as a tenant of yours.`,
      remedy: `Take ${listed} out of the rule or out of the allowlist.`,
    }
  }
  if (!accounts.some(account => tenants.covers(account))) return undefined
  const foreign = ids.find(name => !isListed(name))
  return foreign === undefined ? undefined : {
    ...at, message: `${id} allows ${foreign}, which the allowlist does not name: to all other rules it is not sanctioned.`,
    remedy: `Add ${foreign} to the allowlist, or take it out of the rule.`,
  }
}

/** Read from the User-Agent, of which anybody can write any (`client-class.ts`). */
const CLAIMED: readonly string[] = ['userAgent', 'client'] satisfies (keyof When)[]
/** What a request is and where it goes: whoever sends it chooses that too. */
const CHOSEN: readonly string[] = ['provider', 'activity', 'method', 'host', 'path', 'fileName', 'contentType'] satisfies (keyof When)[]

/** A rule that lets uploads pass, where something after it could block them, by nothing but what the client says that it is. */
function spoofable({ rule: { id, action, mode, when }, order }: Placed): Finding | undefined {
  const { activity, not = {} } = when
  if (action !== 'allow' || mode === 'monitor' || (activity !== undefined && !many(activity).includes('upload'))) return undefined
  if (Object.keys(not).every(name => name === 'activity') && many(not.activity).includes('upload')) return undefined
  const names = [...Object.keys(when), ...Object.keys(not)].filter(name => name !== 'not')
  const claimed = [...new Set(names.filter(name => CLAIMED.includes(name)))]
  if (claimed.length === 0 || !names.every(name => CLAIMED.includes(name) || CHOSEN.includes(name))) return undefined
  return {
    path: `rules/${order}`, kind: 'spoofable', ruleId: id,
    message: `${id} allows uploads by ${claimed.join(' and ')} alone: anybody who writes such a User-Agent passes.`,
    remedy: `Say in ${id} whose upload it is too (tenant, user, group or source), or block what is not meant instead.`,
  }
}

/** The account systems that a rule can speak of; undefined for declared providers, which name their own. */
function accountsOf(when: When): readonly Account[] | undefined {
  if (when.provider === undefined) return ACCOUNTS
  const found = many(when.provider).map(accountOf)
  const known = found.filter(account => account !== undefined)
  return known.length === found.length ? known : undefined
}

function many<T extends string>(value: T | readonly T[] | undefined): readonly T[] {
  return value === undefined ? [] : typeof value === 'string' ? [value] : value
}

function accountOf(provider: Provider): Account | undefined {
  return builtin.find(({ providers }) => providers.includes(provider))?.account
}
