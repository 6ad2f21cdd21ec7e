import { ACCOUNTS, DEFAULT_ACCOUNT, readOpaqueToken } from './accounts.ts'
import type { Account, AccountSystem } from './accounts.ts'
import { lacksCredentials } from './credentials.ts'
import type { Exchange } from './exchange.ts'
import { readMicrosoftToken } from './signed-tokens.ts'
import type { StandInOptions } from './stand-in.ts'

/** Whose account a request may use. */
export interface Access {
  readonly account: Account
  /** Microsoft: in whose directory; the person is a guest where it is not their own. */
  readonly directory: Account
  /** Microsoft: the service that the token is for; undefined where the token does not say. */
  readonly audience: string | undefined
  /**
   * The token names nobody (`FAKE-TOKEN` and its kin, or none): the default account's, which sees nothing that others
   * share, and at Microsoft reaches every drive.
   */
  readonly isDefault: boolean
}

/** A consumer's that names nobody. */
export const CONSUMER_TOKEN = 'EwFAKE'
/** What begins as a JWT, whatever follows. */
const JWT = /^eyJ[^.]*\./
/** Unsigned ones that tests write by hand end so, and count as the default account's. */
const UNSIGNED = /^eyJ[\w-]+\.[\w-]+\.FAKE$/
/** What looks like a token of an account but is none that was given out. */
const NAMES_NOBODY = /^(?:FAKE|EwFAKE)-(?!TOKEN$)/

/** What `Authorization` lets a request do; undefined where it is to be refused. */
export function accessOf(exchange: Exchange, system: AccountSystem, options: StandInOptions): Access | undefined {
  if (lacksCredentials(exchange, options)) return undefined
  const [scheme = '', token = ''] = (exchange.header('authorization') ?? '').split(' ', 2)
  const anyone: Access = { account: DEFAULT_ACCOUNT, directory: DEFAULT_ACCOUNT, audience: undefined, isDefault: true }
  if (scheme.toLowerCase() !== 'bearer') return anyone
  if (system === 'microsoft' && JWT.test(token)) {
    const read = readMicrosoftToken(token)
    if (read !== undefined) return { ...read, isDefault: false }
    return UNSIGNED.test(token) ? anyone : undefined
  }
  if (system === 'microsoft' && token === CONSUMER_TOKEN) return { ...anyone, account: ACCOUNTS.consumer, directory: ACCOUNTS.consumer }
  const named = readOpaqueToken(token)
  if (named === undefined) return NAMES_NOBODY.test(token) ? undefined : anyone
  const { account } = named
  // Organisations' tokens of Microsoft's are signed ones.
  const isGood = named.system === system && (system !== 'microsoft' || account.organisation === null)
  return isGood ? { account, directory: account, audience: undefined, isDefault: false } : undefined
}
