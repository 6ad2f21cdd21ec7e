import type { Operation } from '../operation.ts'
import { isReadable, jsonBatch } from './batch.ts'
import { isObject, member } from './json.ts'
import { GRAPH_HOSTS } from './microsoft-place.ts'
import { requestJson } from './plain-request.ts'
import type { BodyPart, RequestHead, WrittenPlace } from './provider.ts'
import { overridesOf } from './reading.ts'
import { percentDecode } from './text.ts'
import { allOf, named, OWN, UNSEEN } from './written-place.ts'

const VERSION = /^\/(?:v1\.0|beta)(?=\/)/
const GUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'
/** Of SharePoint, or of a consumer; no word that stands for another drive with each credential (`me`). */
const DRIVE_ID = /^(?:b![\w.-]{1,200}|[0-9a-f]{8,32})$/i
const CONTAINERS: ReadonlyMap<string, RegExp> = new Map([
  // By object id or by principal name: both are one user's in all directories of a cloud.
  ['users', new RegExp(`^(?:${GUID}|[^\\s/\\\\@]{1,128}@[a-z0-9.-]{1,128})$`)],
  ['groups', new RegExp(`^${GUID}$`)],
  // `root` is another site in each directory.
  ['sites', new RegExp(`^${GUID}(?:,${GUID})?$`)],
])

/**
 * What may come between a drive and its end: one item, a child of it, one thing of it or its workbook, one action.
 * Nothing leads on to another drive, as `createdByUser/drive` would.
 */
const ITEM = '(?:/(?:root|items/[^/]+|special/[^/]+))?(?:/children/[^/]+)?'
const THING = '(?:/workbook/.+|/(?:permissions|versions)/[^/]+)?'
const ACTION = '(?:/[\\w$.]+(?:\\([^/()]*\\))?)?'
const WITHIN = new RegExp(`^${ITEM}${THING}${ACTION}$`, 'is')

/** A user's mail and calendar are of their own account. */
const MAILBOX = /^\/me\/(?:messages|mailfolders|events|photo)(?:\/|$)/i

/** Whoever reads these differently finds another path: escaped slashes, colons and dots, parameters, repeated slashes. */
const UNCLEAR = /[;\\]|\/\/|%(?:2e|2f|3a|3b|5c)/i

/**
 * The drive, user, group or site that a request to Graph writes to ("Working with files in Microsoft Graph", "driveItem
 * resource type"): `/me/drive` is the account's own, and so is `/drive` and the site `root`, which Graph looks for in the
 * credential's own directory. Hosts of SharePoint and of OneDrive's consumer side name their tenant themselves.
 */
export function microsoftPlace(head: RequestHead, _operation: Operation, body: BodyPart | null): WrittenPlace {
  if (!GRAPH_HOSTS.has(head.host) || overridesOf(head) !== undefined) return UNSEEN
  const version = VERSION.exec(head.path)?.[0]
  if (version === undefined) return UNSEEN
  return head.path.slice(version.length) === '/$batch' ? batch(head, version, body) : single(head, version, body)
}

function single(head: RequestHead, version: string, body: BodyPart | null): WrittenPlace {
  const path = addressOf(head.path.slice(version.length))
  if (path === undefined) return UNSEEN
  const place = placeAt(path)
  if (place.is === 'unseen') return place
  const isCopy = /\/(?:microsoft\.graph\.)?copy(?:\(\))?$/i.test(path)
  if (isCopy) return copied(place, requestJson(head, body))
  const isMove = head.method === 'PATCH' && !/\/workbook\//i.test(path)
  return isMove ? moved(place, requestJson(head, body)) : place
}

/** The path without what is relative to an item (`:/d/a.txt:`), which names nothing beyond the drive. */
function addressOf(path: string): string | undefined {
  const [before = '', relative, after = '', ...more] = path.split(':')
  if (more.length > 0 || UNCLEAR.test(before + after)) return undefined
  if (relative === undefined) return before
  const isRelative = relative.startsWith('/') && !/%(?:2f|3a|5c)|\\/i.test(relative) && (after === '' || after.startsWith('/'))
  return isRelative ? before + after : undefined
}

function placeAt(path: string): WrittenPlace {
  if (MAILBOX.test(path)) return OWN
  const own = /^(?:\/me|\/sites\/root)?\/drive(?=\/|$)/i.exec(path)?.[0]
  if (own !== undefined) return isWithin(path, own.length) ? OWN : UNSEEN
  const drive = /^(?:\/me|\/(?:users|groups|sites)\/[^/]+)?\/drives\/([^/]+)/i.exec(path)
  if (drive !== null) return isWithin(path, drive[0].length) ? driveAt(drive[1]) : UNSEEN
  const holder = /^\/(users|groups|sites)\/([^/]+)\/drive(?=\/|$)/i.exec(path)
  if (holder !== null) return isWithin(path, holder[0].length) ? containerAt(holder[1], holder[2]) : UNSEEN
  const share = /^\/shares\/([^/]+)\/(?:driveitem|root)(?=\/|$)/i.exec(path)
  return share !== null && isWithin(path, share[0].length) ? named(`shares/${share[1]}`) : UNSEEN
}

function isWithin(path: string, from: number): boolean {
  return WITHIN.test(path.slice(from))
}

function driveAt(raw: unknown): WrittenPlace {
  const id = driveId(raw)
  return id === undefined ? UNSEEN : named(id)
}

function containerAt(kind: string | undefined, raw: string | undefined): WrittenPlace {
  const id = containerId(kind, raw)
  return id === undefined ? UNSEEN : named(id)
}

/** A drive's id as it names a place; `!` may be escaped. */
export function driveId(raw: unknown): string | undefined {
  const id = typeof raw === 'string' ? percentDecode(raw) : ''
  return DRIVE_ID.test(id) ? id.toLowerCase() : undefined
}

/**
 * `users/{id}`, `groups/{id}`, `sites/{id}`: what has a drive, as it names a place. Undefined where the id means another
 * one in another directory.
 */
export function containerId(kind: string | undefined, raw: string | undefined): string | undefined {
  const name = kind?.toLowerCase() ?? ''
  const id = percentDecode(raw ?? '').toLowerCase()
  return CONTAINERS.get(name)?.test(id) === true ? `${name}/${id}` : undefined
}

/** "parentReference: the destination folder": of another drive where it names one ("driveItem: copy"). */
function copied(place: WrittenPlace, body: unknown): WrittenPlace {
  const parent = member(body, 'parentReference')
  if (!isObject(body) || !isObject(parent)) return UNSEEN
  if (hasOtherSpelling(body)) return UNSEEN
  const names = Object.keys(parent)
  // A destination by path or site is one that nobody here reads.
  if (names.some(name => name !== 'driveId' && name !== 'id')) return UNSEEN
  return names.includes('driveId') ? driveAt(parent.driveId) : place
}

function hasOtherSpelling(body: Readonly<Record<string, unknown>>): boolean {
  return Object.keys(body).some(name => name !== 'parentReference' && name.toLowerCase() === 'parentreference')
}

/** "Items cannot be moved between drives" by an update ("Move a driveItem"), which may say so all the same. */
function moved(place: WrittenPlace, body: unknown): WrittenPlace {
  if (!isObject(body) || hasOtherSpelling(body)) return UNSEEN
  const parent = member(body, 'parentReference')
  if (isObject(parent) && Object.keys(parent).some(name => name !== 'driveId' && name !== 'id')) return UNSEEN
  const drive = member(parent, 'driveId')
  const target = drive === undefined ? undefined : driveAt(drive)
  return target === undefined ? place : place.is === 'own' ? target : allOf([place, target])
}

/** Each request of a batch may have a credential of its own, which is not the one that is judged. */
function batch(head: RequestHead, version: string, body: BodyPart | null): WrittenPlace {
  if (body === null || !isReadable(head, body.complete)) return UNSEEN
  const entries = jsonBatch(head, body.bytes, version) ?? []
  return allOf(entries.flatMap(entry => {
    const isOther = entry.head.headers.get('authorization') !== undefined
    if (isOther || overridesOf(entry.head) !== undefined || !entry.head.path.startsWith(`${version}/`)) return [UNSEEN]
    if (entry.head.method === 'GET' || entry.head.method === 'DELETE') return []
    return [single(entry.head, version, entry.body === undefined ? null : { bytes: entry.body, complete: true })]
  }))
}
