/** `tenants.restrict` as it is written: `on` where an account needs nothing more, else a map of what it needs. */
import { nearest } from '../policy/errors.ts'
import { ACCOUNTS } from '../policy/providers/index.ts'
import { RESTRICTED } from '../policy/restrictions.ts'
import type { Restrict, RestrictedAccount } from '../policy/restrictions.ts'
import { isGuid } from '../policy/tenant/guid.ts'

/** What stands behind an account's name. */
export type Written = boolean | 'on' | 'off' | Readonly<Record<string, unknown>>
type Given = Readonly<Record<string, unknown>>
type Settings<A extends RestrictedAccount> = NonNullable<Restrict[A]>

/** Throws a plain `Error` that names the account and completes "tenants.restrict …". */
export function parseRestrict(written: Readonly<Record<string, Written>>): Restrict {
  const out: { [A in RestrictedAccount]?: Settings<A> } = {}
  for (const [name, value] of Object.entries(written)) {
    const account = RESTRICTED.find(known => known === name)
    if (account === undefined) throw new Error(`names ${shown(name)}, ${unknown(name)}`)
    if (value === false || value === 'off') continue
    put(out, account, value === true || value === 'on' ? {} : value)
  }
  return out
}

/** The way back. */
export function formatRestrict({ microsoft, ...rest }: Restrict): Record<string, Written> {
  return {
    ...microsoft !== undefined && { microsoft: formatMicrosoft(microsoft) },
    ...Object.fromEntries(Object.entries(rest).map(([account, settings]) =>
      [account, Object.keys(settings).length === 0 ? 'on' : structuredClone(settings)])),
  }
}

function formatMicrosoft({ directory, policy, consumer: who }: Settings<'microsoft'>): Given {
  return policy === null ? { directory, consumer: who } : { directory, policy }
}

function put<A extends RestrictedAccount>(out: { [B in RestrictedAccount]?: Settings<B> }, account: A, given: Given): void {
  out[account] = PARSERS[account](given)
}

const PARSERS: { readonly [A in RestrictedAccount]: (given: Given) => Settings<A> } = {
  microsoft: given => {
    known('microsoft', given, ['directory', 'policy', 'consumer'])
    const why = 'the directory id (GUID) of the tenant whose policy this is: Microsoft wants both fields, Restrict-Access-Context too'
    const directory = guid(text('microsoft', given, 'directory', why), `microsoft needs a directory, ${why}`)
    if (given.policy === undefined || given.policy === null) return { directory, policy: null, consumer: consumer(given.consumer) }
    if (given.consumer !== undefined) throw new Error('has microsoft.policy and microsoft.consumer; the policy in Entra settles the latter')
    return { directory, policy: guid(given.policy, 'has a microsoft.policy that is no id (GUID) of a policy'), consumer: 'block' }
  },
  google: plain('google'),
  dropbox: plain('dropbox'),
  gcp: given => {
    known('gcp', given, ['organizations'])
    const { organizations } = given
    const ids = Array.isArray(organizations) ? organizations.map(String) : []
    if (ids.length === 0 || !ids.every(id => /^[0-9]{1,20}$/.test(id))) {
      throw new Error('must give gcp organizations, a list of the numbers that `gcloud organizations list` shows')
    }
    return { organizations: ids }
  },
  slack: given => {
    known('slack', given, ['workspace'])
    const workspace = text('slack', given, 'workspace', 'the id of the workspace or organisation whose plan allows this')
    if (!/^[TE][0-9A-Z]{5,20}$/.test(workspace)) throw new Error('has a slack.workspace that is no id such as T0123ABCD')
    return { workspace }
  },
  github: plain('github'),
  webex: plain('webex'),
  asana: given => {
    known('asana', given, ['requester'])
    const requester = text('asana', given, 'requester', 'the id of the domain or division that restricts')
    if (!/^[0-9A-Za-z]{1,40}$/.test(requester)) throw new Error('has an asana.requester that is no id of a domain or division')
    return { requester }
  },
  chatgpt: plain('chatgpt'),
  claude: plain('claude'),
}

function plain(account: RestrictedAccount): (given: Given) => Record<string, never> {
  return given => {
    if (Object.keys(given).length > 0) throw new Error(`must have on or off for ${account}, which needs nothing more`)
    return {}
  }
}

function known(account: RestrictedAccount, given: Given, keys: readonly string[]): void {
  const name = Object.keys(given).find(key => !keys.includes(key))
  if (name === undefined) return
  const near = nearest(name, keys)
  const hint = near === undefined ? `known are ${keys.join(', ')}` : `did you mean ${near}?`
  throw new Error(`has ${account}.${shown(name)}, which is not known; ${hint}`)
}

/** A number counts as its digits: ids are often written without quotes. */
function text(account: RestrictedAccount, given: Given, key: string, why: string): string {
  const value = given[key]
  if (typeof value === 'string') return value.trim()
  if (typeof value === 'number' && Number.isSafeInteger(value)) return String(value)
  throw new Error(`must give ${account} a ${key}: ${why}`)
}

function guid(value: unknown, fault: string): string {
  const id = typeof value === 'string' ? value.trim().toLowerCase() : ''
  if (!isGuid(id)) throw new Error(fault)
  return id
}

function consumer(value: unknown): 'block' | 'allow' {
  if (value === undefined || value === 'block') return 'block'
  if (value === 'allow') return 'allow'
  throw new Error('must have block or allow for microsoft.consumer')
}

function unknown(name: string): string {
  const all = RESTRICTED.join(', ')
  if (ACCOUNTS.some(account => account === name)) return `whose provider offers no such restriction; those that do are ${all}`
  const near = nearest(name, RESTRICTED)
  return `which is no account that can be restricted; ${near === undefined ? `those are ${all}` : `did you mean ${near}?`}`
}

/** Without what could break a line or a terminal. */
function shown(name: string): string {
  return JSON.stringify(name.slice(0, 60)).slice(1, -1)
}
