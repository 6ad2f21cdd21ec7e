/** The account systems whose stand-ins tell accounts apart by their tokens. */
export type AccountSystem = 'dropbox' | 'google' | 'microsoft' | 'box'

/** A person of the sanctioned organisation, one of another organisation, and one of none. */
export type AccountName = 'contoso' | 'fabrikam' | 'consumer'

/** One person's accounts, and the ids that the providers know them by. */
export interface Account {
  readonly name: AccountName
  readonly person: string
  /** Null: a consumer, whom no organisation owns. */
  readonly organisation: { readonly name: string; readonly domain: string } | null
  readonly dropbox: {
    readonly id: string
    readonly uid: string
    readonly email: string
    readonly team: string | null
    /** Of the home. */
    readonly namespace: string
  }
  /** Its Workspace domain is the organisation's. */
  readonly google: { readonly id: string; readonly email: string }
  readonly microsoft: {
    /** The directory (`tid`). */
    readonly directory: string
    /** The person in it (`oid`). */
    readonly object: string
    readonly email: string
    /** The organisation's name below `sharepoint.com`. */
    readonly sharePoint: string | null
    /** The person's own drive. */
    readonly drive: string
  }
  readonly box: { readonly id: string; readonly email: string; readonly enterprise: string | null }
}

/** Dropbox' ids are a kind and 35 characters. */
const dropboxId = (kind: string, name: string): string => `${kind}:${`FAKE${name}`.padEnd(35, 'A')}`

function member(
  name: 'contoso' | 'fabrikam', person: string, organisation: string, digit: string, directory: string,
): Account {
  const domain = `${name}.example`
  const email = `${person.split(' ')[0]?.toLowerCase() ?? ''}@${domain}`
  return {
    name, person, organisation: { name: organisation, domain },
    dropbox: { id: dropboxId('dbid', name), uid: `${digit}00`, email, team: dropboxId('dbtid', name), namespace: `${digit}001` },
    google: { id: `${digit}00000000000000000000`, email },
    microsoft: {
      directory, object: `${directory.slice(0, -4)}0b1e`, email, sharePoint: name,
      drive: name === 'contoso' ? 'b!FAKEbusinessdrive' : 'b!FAKEfabrikamdrive',
    },
    box: { id: `${digit}0000001`, email, enterprise: `${digit}000009` },
  }
}

export const ACCOUNTS: Readonly<Record<AccountName, Account>> = {
  contoso: member('contoso', 'Fay Example', 'Contoso', '1', 'c0de0000-0000-4000-8000-00000000c0de'),
  fabrikam: member('fabrikam', 'Finn Example', 'Fabrikam', '2', 'fab00000-0000-4000-8000-00000000fab0'),
  consumer: {
    name: 'consumer', person: 'Casey Example', organisation: null,
    dropbox: { id: dropboxId('dbid', 'consumer'), uid: '300', email: 'fake.casey@gmail.com', team: null, namespace: '3001' },
    google: { id: '300000000000000000000', email: 'fake.casey@gmail.com' },
    microsoft: {
      // The directory that all consumer accounts share, https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference.
      directory: '9188040d-6c67-4c5b-b112-36a304b66dad', object: '00000000-0000-0000-a1b2-c3d4e5f60718', email: 'fake.casey@outlook.com',
      sharePoint: null, drive: 'a1b2c3d4e5f60718',
    },
    box: { id: '30000001', email: 'fake.casey@gmail.com', enterprise: null },
  },
}

/** What a token without a name of its own (`FAKE-TOKEN`) stands for. */
export const DEFAULT_ACCOUNT = ACCOUNTS.contoso

/**
 * What fabrikam shares with contoso's person, who may write there: a folder (Dropbox by its namespace, mounted in both
 * homes as `Joint`; Google, Box by its id) and a drive, where that person is a guest.
 */
export const SHARED = {
  owner: ACCOUNTS.fabrikam, with: ACCOUNTS.contoso, name: 'Joint',
  dropbox: '2002', google: '1FAKEfabrikamjoint', microsoft: 'b!FAKEfabrikamshared', box: '20000002',
} as const

/** A site of an organisation as Graph names it: its id, its host and path, and the drive that is its library. */
export interface Site { readonly id: string; readonly host: string; readonly path: string; readonly drive: string }

export const SITES = {
  contoso: site('contoso', 'c0de0000', '/sites/eng', 'b!FAKEsitedrive'),
  fabrikam: site('fabrikam', 'fab00000', '/sites/eng', 'b!FAKEfabrikamsite'),
  joint: site('fabrikam', 'fab00001', '/sites/joint', SHARED.microsoft),
}

function site(name: 'contoso' | 'fabrikam', guid: string, path: string, drive: string): Site {
  const host = `${name}.sharepoint.com`
  return { id: `${host},${guid}-0000-4000-8000-000000000051,${guid}-0000-4000-8000-000000000052`, host, path, drive }
}

/** What a grant brings beside an access token: an `id_token`; an access token of Microsoft's that only Microsoft can verify. */
export type GrantExtra = 'openid' | 'nonce'

/** Whose grant a refresh token or code is. */
export interface Grant {
  readonly account: Account
  readonly system: AccountSystem
  readonly extras: readonly GrantExtra[]
}

const GRANT = /^(?:M\.)?FAKE-(?:refresh|code)-(contoso|fabrikam|consumer)-(dropbox|google|microsoft|box)((?:-(?:openid|nonce))*)$/
const ACCESS = /^(?:FAKE|EwFAKE)-(contoso|fabrikam|consumer)-(dropbox|google|microsoft|box)-\d+$/

/** A refresh token of an account; a consumer's at Microsoft begins as those do. */
export function refreshToken(name: AccountName, system: AccountSystem, ...extras: readonly GrantExtra[]): string {
  return `${name === 'consumer' && system === 'microsoft' ? 'M.' : ''}${['FAKE-refresh', name, system, ...extras].join('-')}`
}

/** An authorization code that a sign-in of the account could have brought. */
export function signInCode(name: AccountName, system: AccountSystem, ...extras: readonly GrantExtra[]): string {
  return ['FAKE-code', name, system, ...extras].join('-')
}

/**
 * The nth opaque access token of an account; all are good at once. Organisations' tokens of Microsoft's are no such, they
 * are signed (`signed-tokens.ts`); a consumer's there begin `EwFAKE`.
 */
export function opaqueToken(name: AccountName, system: AccountSystem, n: number): string {
  return `${system === 'microsoft' ? 'EwFAKE' : 'FAKE'}-${name}-${system}-${n}`
}

/** Reads a refresh token or code; undefined: it is none of a named account. */
export function readGrant(value: string): Grant | undefined {
  const found = GRANT.exec(value)
  const account = accountNamed(found?.[1])
  const system = systemNamed(found?.[2])
  if (account === undefined || system === undefined) return undefined
  const extras = (['openid', 'nonce'] as const).filter(each => found?.[3]?.includes(`-${each}`))
  return { account, system, extras }
}

/** Whose an opaque access token is; undefined: it names nobody. */
export function readOpaqueToken(value: string): { readonly account: Account; readonly system: AccountSystem } | undefined {
  const found = ACCESS.exec(value)
  const account = accountNamed(found?.[1])
  const system = systemNamed(found?.[2])
  return account === undefined || system === undefined ? undefined : { account, system }
}

function accountNamed(name: string | undefined): Account | undefined {
  return Object.values(ACCOUNTS).find(account => account.name === name)
}

function systemNamed(name: string | undefined): AccountSystem | undefined {
  return (['dropbox', 'google', 'microsoft', 'box'] as const).find(system => system === name)
}
