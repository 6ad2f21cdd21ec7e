import { Tree } from './tree.ts'

/** One of the stand-in's drives: where it lives at the provider, and what it holds. */
export interface Drive {
  readonly id: string
  readonly type: 'business' | 'personal' | 'documentLibrary'
  readonly provider: 'onedrive' | 'sharepoint'
  /** The host that takes upload sessions and gives downloads: it names the tenant. */
  readonly host: string
  /** The folder of that host, such as `/personal/fay_contoso_example`. */
  readonly base: string
  readonly tree: Tree
}

const KINDS = [
  ['b!FAKEbusinessdrive', 'business', 'onedrive', 'contoso-my.sharepoint.com', '/personal/fay_contoso_example', '01FAKEBIZ'],
  ['b!FAKEfabrikamdrive', 'business', 'onedrive', 'fabrikam-my.sharepoint.com', '/personal/finn_fabrikam_example', '01FAKEFAB'],
  ['b!FAKEsitedrive', 'documentLibrary', 'sharepoint', 'contoso.sharepoint.com', '/sites/eng', '01FAKESITE'],
  ['a1b2c3d4e5f60718', 'personal', 'onedrive', 'my.microsoftpersonalcontent.com', '/personal/a1b2c3d4e5f60718', 'A1B2C3D4E5F60718!'],
] as const

/** Fresh drives: contoso's and fabrikam's business drive, contoso's site, and a consumer's. By id, in lower case. */
export function newDrives(): ReadonlyMap<string, Drive> {
  return new Map(KINDS.map(([id, type, provider, host, base, prefix]) => {
    const tree = new Tree({ id: n => `${prefix}${String(n).padStart(6, '0')}`, sameNames: false })
    return [id.toLowerCase(), { id, type, provider, host, base, tree }]
  }))
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

const DRIVE = /^(?:\/v1\.0|\/beta|(?:\/[^:]*)?\/_api\/(v2\.[01]))?\/(?:me\/drive|drive|drives\/([^/]+)|(sites)\/[^/]+\/drive|users\/[^/]+\/drive)(?=[/:]|$)(.*)$/
const ITEM = /^\/(?:root|items\/([^/:]+))(?::\/?([^:]*):?)?(?:\/(.*))?$/

/**
 * Reads `/v1.0/drives/{id}/items/{id}:/path:/action` and its kin (the grammar of
 * https://learn.microsoft.com/graph/onedrive-addressing-driveitems). undefined: no such address. `isConsumer`: whose drive
 * `/me/drive` is.
 */
export function readAddress(drives: ReadonlyMap<string, Drive>, target: string, isConsumer: boolean): Address | undefined {
  const found = DRIVE.exec(target)
  if (found === null) return undefined
  const own = isConsumer ? 'a1b2c3d4e5f60718' : 'b!fakebusinessdrive'
  const id = found[3] !== undefined ? 'b!fakesitedrive' : found[2] === undefined ? own : decodeURIComponent(found[2])
  const drive = drives.get(id.toLowerCase())
  if (drive === undefined) return undefined
  const rest = found[4] ?? ''
  const version = found[1] ?? 'v2.0'
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
