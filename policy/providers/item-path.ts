import { baseName } from './text.ts'

/**
 * The address of a drive item, as Graph, OneDrive's own API and SharePoint's `_api/v2.x` write it:
 * drive, item, optional `:/relative/path:`, action (Microsoft Graph, "Addressing resources in a drive"). Each fact is read
 * where it is asked for, from a path that `matchPath` decoded, in linear time.
 */
const DRIVE = /(?:^|\/)(?:drives?|drive\/root|shares|items|special)(?:[/:(]|$)/i
/** Where most addresses have it: the beginning is found at once. */
const FIRST = /^\/(?:me\/)?drives?[/:]/i
const COLON = 0x3a
const SLASH = 0x2f
const BRACKET = 0x28
const DOT = 0x2e
const NAMESPACE = /^(?:microsoft\.graph|onedrive|upload|action|graph)\./

/** Actions that are a last segment behind an item, as clients write them; anything else is the item's own name or id. */
const SPELLINGS = [
  'content', 'contentStream', '$value', 'children', 'createUploadSession', 'createSession', 'uploadSession', '$batch',
  'copy', 'move', 'createLink', 'invite', 'permissions', 'grant', 'permanentDelete', 'restore', 'restoreVersion', 'versions',
  'delta', 'search', 'thumbnails', 'preview', 'listItem', 'analytics', 'activities', 'monitor', 'subscriptions',
  'checkin', 'checkout', 'discardCheckout', 'follow', 'unfollow', 'assignSensitivityLabel', 'extractSensitivityLabels',
  'revokeGrants', 'retentionLabel',
]
const ACTIONS: ReadonlySet<string> = new Set(SPELLINGS.map(action => action.toLowerCase()))

const NONE: readonly Spelling[] = []

interface Spelling {
  readonly written: string
  readonly action: string
}

/** By length and first letter, which tell nearly all names and ids from an action. */
const SHAPES: ReadonlyMap<number, readonly Spelling[]> = Map.groupBy(
  SPELLINGS.map((written): Spelling => ({ written, action: written.toLowerCase() })), ({ written }) => shapeOf(written, 0, written.length),
)

function shapeOf(text: string, start: number, end: number): number {
  return end > start ? (end - start) * 32 + (text.charCodeAt(start) & 31) : 0
}

/** The action on an item: lower case, without its namespace (`microsoft.graph.`, `oneDrive.`) and brackets; empty for the item itself. */
export function itemAction(path: string): string {
  // Most addresses end with the colon of a relative path, behind which no action stands.
  if (path.charCodeAt(path.length - 1) === COLON && !path.includes('(')) return ''
  let start = path.length
  let end = start
  let hasNamespace = false
  // One walk over the last segment, as most are short.
  for (; start > 0; start--) {
    const code = path.charCodeAt(start - 1)
    if (code === SLASH) break
    if (code === BRACKET) end = start - 1
    else if (code === DOT) hasNamespace = true
  }
  const alike = hasNamespace ? NONE : SHAPES.get(shapeOf(path, start, end))
  if (alike === undefined) return ''
  const segment = path.slice(start, end)
  for (const { written, action } of alike) if (segment === written) return action
  const action = segment.toLowerCase().replace(NAMESPACE, '')
  return ACTIONS.has(action) ? action : ''
}

/** `…/permissions/{id}`: one permission of an item, unless it is a file in a folder of that name. */
export function isPermission(path: string): boolean {
  const end = path.lastIndexOf('/')
  const start = end - '/permissions'.length
  if (start < 0 || path.slice(start, end).toLowerCase() !== '/permissions') return false
  // Every second colon closes a relative path.
  return (path.slice(0, start + 1).split(':/').length - 1) % 2 === 0
}

/** Whether a drive or an item in it is addressed, and not mail, chat or a directory. */
export function isInDrive(path: string): boolean {
  return FIRST.test(path) || DRIVE.test(path)
}

/** The item's name, where the address tells it. `action`: of this path. */
export function itemName(path: string, action: string): string | undefined {
  return nameOf(action === '' ? path : path.slice(0, path.lastIndexOf('/')))
}

/** The last colon before a slash; most addresses have few colons or none. */
function colonOf(address: string): number {
  let at = address.lastIndexOf(':')
  while (at >= 0 && address.charCodeAt(at + 1) !== 0x2f) at = at === 0 ? -1 : address.lastIndexOf(':', at - 1)
  return at
}

/** The name in `:/folder/name:` or in `children/name`. Ids are no names. */
function nameOf(address: string): string | undefined {
  const colon = colonOf(address)
  if (colon < 0) return childOf(address)
  const relative = address.slice(colon + 1)
  // Behind a site's own colon follows its drive: `/sites/{host}:/sites/eng:/drive/items/{id}`.
  if (!/^\/drives?(?:\/|$)/i.test(relative)) {
    return baseName(relative.endsWith(':') ? relative.slice(0, -1) : relative)
  }
  return childOf(address)
}

/** The last segment, where it stands below `children`. */
function childOf(address: string): string | undefined {
  const cut = address.lastIndexOf('/')
  const start = cut - '/children'.length
  const isChild = start >= 0 && address.charCodeAt(start) === SLASH && address.slice(start, cut).toLowerCase() === '/children'
  return isChild ? baseName(address.slice(cut + 1)) : undefined
}
