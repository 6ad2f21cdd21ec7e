import type { Access } from './access.ts'
import { ACCOUNTS, SHARED, SITES } from './accounts.ts'
import type { Account, Site } from './accounts.ts'
import { Refusal } from './refusal.ts'
import { Tree } from './tree.ts'

/** One of the stand-in's drives: where it lives at the provider, whose it is, and what it holds. */
export interface Drive {
  readonly id: string
  readonly type: 'business' | 'personal' | 'documentLibrary'
  readonly provider: 'onedrive' | 'sharepoint'
  readonly owner: Account
  /** The host that takes upload sessions and gives downloads: it names the tenant. */
  readonly host: string
  /** The folder of that host, such as `/personal/fay_contoso_example`. */
  readonly base: string
  readonly tree: Tree
}

const { contoso, fabrikam, consumer } = ACCOUNTS
const CONSUMER_HOST = 'my.microsoftpersonalcontent.com'
const KINDS = [
  [contoso.microsoft.drive, 'business', contoso, 'contoso-my.sharepoint.com', '/personal/fay_contoso_example', '01FAKEBIZ'],
  [fabrikam.microsoft.drive, 'business', fabrikam, 'fabrikam-my.sharepoint.com', '/personal/finn_fabrikam_example', '01FAKEFAB'],
  [SITES.contoso.drive, 'documentLibrary', contoso, SITES.contoso.host, SITES.contoso.path, '01FAKESITE'],
  [SITES.fabrikam.drive, 'documentLibrary', fabrikam, SITES.fabrikam.host, SITES.fabrikam.path, '01FAKEFABSITE'],
  [SITES.joint.drive, 'documentLibrary', fabrikam, SITES.joint.host, SITES.joint.path, '01FAKEJOINT'],
  [consumer.microsoft.drive, 'personal', consumer, CONSUMER_HOST, '/personal/a1b2c3d4e5f60718', 'A1B2C3D4E5F60718!'],
] as const

/** Fresh drives: each organisation's business drive and sites, and a consumer's. By id, in lower case. */
export function newDrives(): ReadonlyMap<string, Drive> {
  return new Map(KINDS.map(([id, type, owner, host, base, prefix]) => {
    const tree = new Tree({ id: n => `${prefix}${String(n).padStart(6, '0')}`, sameNames: false })
    return [id.toLowerCase(), { id, type, provider: type === 'documentLibrary' ? 'sharepoint' : 'onedrive', owner, host, base, tree }]
  }))
}

/** Whether a drive is an account's, in the directory that its token is for, or one where it is a guest. */
export function reaches({ account, directory, isDefault }: Access, { id, owner }: Drive): boolean {
  if (isDefault || owner === account && directory === account) return true
  return id === SHARED.microsoft && account === SHARED.with
}

/** A person's own drive. A guest has none in the other directory. */
function ownDrive({ account, directory }: Access): string {
  if (account !== directory) throw new Refusal(404, 'ResourceNotFound', "User's mysite not found.")
  return account.microsoft.drive
}

/** The drive of a user or site that an address names; undefined: there is none. */
function driveOf(access: Access, kind: string, name: string): string | undefined {
  if (kind === 'users') {
    const user = Object.values(ACCOUNTS).find(({ microsoft }) => name === microsoft.object || name === microsoft.email)
    return user?.microsoft.drive ?? (access.isDefault ? ownDrive(access) : undefined)
  }
  return siteNamed(access, name)?.drive ?? (access.isDefault ? SITES.contoso.drive : undefined)
}

/** The site of an id, or of a host and path (`contoso.sharepoint.com:/sites/eng`); `root` is the host of the token's organisation. */
export function siteNamed({ directory }: Access, name: string): Site | undefined {
  const full = name.replace(/^root(?=:)/, `${directory.microsoft.sharePoint ?? ''}.sharepoint.com`)
  return Object.values(SITES).find(({ id, host, path }) => full === id || full === `${host}:${path}`)
}

/** An item address, taken apart. Names are decoded. */
export interface Address {
  readonly drive: Drive
  /** undefined for the root. */
  readonly itemId: string | undefined
  /** Relative to the item; empty for the item itself. */
  readonly path: string
  /** What follows the address: `content`, `children`, ...; empty for the item. */
  readonly action: string
  /** `v2.0` or `v2.1`: what the hosts of SharePoint call their interface. */
  readonly version: string
  /** The address names the drive, not an item of it. */
  readonly isDrive: boolean
}

const DRIVE = new RegExp([
  /^(?:\/v1\.0|\/beta|(?:\/[^:]*)?\/_api\/(v2\.[01]))?\//,
  /(?:me\/drive|drive|drives\/([^/]+)|(sites)\/([^/:]+(?::\/[^:]+(?=:))?):?\/drive|(users)\/([^/]+)\/drive)(?=[/:]|$)(.*)$/,
].map(({ source }) => source).join(''))
const ITEM = /^\/(?:root|items\/([^/:]+))(?::\/?([^:]*):?)?(?:\/(.*))?$/

/**
 * Reads `/v1.0/drives/{id}/items/{id}:/path:/action` and its kin (the grammar of
 * https://learn.microsoft.com/graph/onedrive-addressing-driveitems). undefined: no such address. Throws a refusal where the
 * drive is not the account's; `/me/drive` is its own.
 */
export function readAddress(drives: ReadonlyMap<string, Drive>, target: string, access: Access): Address | undefined {
  const found = DRIVE.exec(target)
  if (found === null) return undefined
  const [, version = 'v2.0', byId, sites, site = '', users, user = '', rest = ''] = found
  const kind = sites ?? users
  const id = kind !== undefined ? driveOf(access, kind, decodeURIComponent(sites === undefined ? user : site))
    : byId === undefined ? ownDrive(access) : decodeURIComponent(byId)
  const drive = id === undefined ? undefined : drives.get(id.toLowerCase())
  if (drive === undefined) return undefined
  if (!reaches(access, drive)) throw new Refusal(403, 'accessDenied', 'Access denied')
  if (rest === '') return { drive, itemId: undefined, path: '', action: '', version, isDrive: true }
  const item = ITEM.exec(rest)
  if (item === null) return undefined
  const [, itemId, path = '', action = ''] = item
  return {
    drive,
    itemId: itemId === undefined ? undefined : decodeURIComponent(itemId),
    // One client asks for `root:/.%2Ffolder%2Ffile`.
    path: path.split('/').flatMap(each => decodeURIComponent(each).split('/')).filter(name => name !== '.').join('/'),
    action,
    version,
    isDrive: false,
  }
}
