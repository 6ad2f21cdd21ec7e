import type { Operation } from '../operation.ts'
import { isReadable, mixedBatch } from './batch.ts'
import { isObject, member } from './json.ts'
import { metadataPart } from './metadata-part.ts'
import { plainPath, requestJson } from './plain-request.ts'
import type { BodyPart, RequestHead, WrittenPlace } from './provider.ts'
import { queryValues } from './query.ts'
import { isEncoded } from './reading.ts'
import { allOf, named, OWN, UNSEEN } from './written-place.ts'

const UPLOAD = /^\/(?:resumable\/)?upload\/drive\/(v2|v3|v2internal)\/files(?:\/([\w-]{1,128}))?$/
/** A file, and what of it: `permissions`, `comments`, `revisions`, `copy`. */
const FILE = /^\/drive\/(v2|v3|v2internal)\/files(?:\/([\w-]{1,128})(?:\/([a-z]{1,32})(?:\/[\w-]{1,128})*)?)?$/i
const DRIVE = /^\/drive\/(?:v2|v3|v2internal)\/(?:drives|teamdrives)\/([\w-]{1,128})$/
const DOCUMENT = /^\/v\d+\/(?:documents|presentations|spreadsheets)(?:\/([\w-]{1,128})(?:[:/].*)?)?$/
const EDITOR = /^\/(?:document|spreadsheets|presentation|drawings|forms)\/(?:u\/\d+\/)?d\/(?:e\/)?([\w-]{1,128})\/(?:save|formResponse)$/
const BATCH = /^\/(?:upload\/drive\/v[0-9a-z]+\/)?batch(?:\/drive)?(?:\/v[0-9a-z]+)?$/
const EDITOR_HOSTS: ReadonlySet<string> = new Set(['docs.googleapis.com', 'sheets.googleapis.com', 'slides.googleapis.com'])

/** What a parent may be called that is the account's own (Drive API, "Folders", "Store application-specific data"). */
const ALIASES: ReadonlySet<string> = new Set(['root', 'appDataFolder'])

/**
 * Where a request to Drive or the editors writes to (Drive API v3 and v2 reference): the `parents` of the metadata, or the
 * account's own root without any; the file or document that the path names; `addParents`. What the parts of a session
 * bring goes where its start said. A batch writes to the places of all its requests.
 */
export function googlePlace(head: RequestHead, operation: Operation, body: BodyPart | null): WrittenPlace {
  const path = plainPath(head)
  if (path === undefined || hasOwnCredential(head.query) || isSignedInByCookie(head)) return UNSEEN
  if (operation.session !== undefined && (operation.step === 'chunk' || operation.step === 'finish')) return partOf(head)
  return BATCH.test(path) ? batch(head, body) : single(head, path, body)
}

/** Of two sessions nobody knows which one takes it. */
function partOf({ query }: RequestHead): WrittenPlace {
  return queryValues(query, 'upload_id').length + queryValues(query, 'upload_key').length === 1 ? OWN : UNSEEN
}

/** A credential in the query is another one than the request is judged by. */
function hasOwnCredential(query: string): boolean {
  return query !== '' && ['access_token', 'oauth_token', 'bearer_token'].some(name => queryValues(query, name).length > 0)
}

/** Web pages' hosts know who is there by a cookie, whatever token is beside it; those of the API have none. */
function isSignedInByCookie({ host, headers }: RequestHead): boolean {
  return host.endsWith('.google.com') && headers.get('cookie') !== undefined
}

function single(head: RequestHead, path: string, body: BodyPart | null): WrittenPlace {
  const upload = UPLOAD.exec(path)
  if (upload !== null) return uploaded(head, upload[1], upload[2], body)
  const file = FILE.exec(path)
  if (file !== null) return changed(head, file, body)
  if (EDITOR_HOSTS.has(head.host)) return edited(head, path, body)
  const id = DRIVE.exec(path)?.[1] ?? EDITOR.exec(path)?.[1]
  return id === undefined ? UNSEEN : named(id)
}

/** Below `/upload/`: the kind of upload says where its metadata are. */
function uploaded(head: RequestHead, version: string | undefined, id: string | undefined, body: BodyPart | null): WrittenPlace {
  const kind = kindOf(head)
  if (kind === undefined) return UNSEEN
  // Version 3 takes no `parents` in an update.
  if (id !== undefined && version === 'v3') return updated(head, id, OWN)
  const place = kind === 'media' ? OWN : placeIn(metadataOf(head, kind, body))
  return id === undefined ? place : updated(head, id, place)
}

/** `media`, `multipart` or `resumable`, where the query says so once; a session's parts and other protocols tell nothing. */
function kindOf(head: RequestHead): 'media' | 'multipart' | 'resumable' | undefined {
  const { query, headers } = head
  if (headers.get('x-goog-upload-command') !== undefined || headers.get('x-goog-upload-protocol') !== undefined) return undefined
  if (queryValues(query, 'upload_id').length > 0 || queryValues(query, 'upload_key').length > 0) return undefined
  const kinds = [...queryValues(query, 'uploadType'), ...queryValues(query, 'upload_protocol')]
  const [kind] = kinds
  if (kinds.length !== 1 || (kind !== 'media' && kind !== 'multipart' && kind !== 'resumable')) return undefined
  // Parts that are said to be content as they are.
  return kind === 'media' && /^multipart\//i.test(headers.get('content-type') ?? '') ? undefined : kind
}

function metadataOf(head: RequestHead, kind: 'multipart' | 'resumable', body: BodyPart | null): unknown {
  if (kind === 'resumable') return metadataBody(head, body)
  return body === null || isEncoded(head) ? undefined : metadataPart(body.bytes, head.headers.get('content-type'))?.value
}

/** Metadata may be left out. */
function metadataBody(head: RequestHead, body: BodyPart | null): unknown {
  const isEmpty = head.contentLength === 0 || (body !== null && body.complete && body.bytes.length === 0)
  return isEmpty ? {} : requestJson(head, body)
}

/** Metadata, copies and what hangs on a file. Version 2 keeps parents and children as collections of their own. */
function changed(head: RequestHead, [, version, id, part]: RegExpExecArray, body: BodyPart | null): WrittenPlace {
  if (id === undefined) return placeIn(metadataBody(head, body))
  const collection = part?.toLowerCase()
  if (collection === 'copy') {
    const value = metadataBody(head, body)
    // "If the parents field isn't specified, the file inherits any discoverable parents of the source file."
    return hasParents(value) ? placeIn(value) : isObject(value) ? fileAt(id) : UNSEEN
  }
  if (collection === 'parents' || collection === 'children') return allOf([fileAt(id), parent(member(requestJson(head, body), 'id'))])
  if (collection !== undefined) return fileAt(id)
  return updated(head, id, version?.toLowerCase() === 'v3' ? OWN : placeIn(metadataBody(head, body)))
}

/** An update: of the file, and of the folders that it is put into. */
function updated(head: RequestHead, id: string, metadata: WrittenPlace): WrittenPlace {
  const added = queryValues(head.query, 'addParents').flatMap(list => list.split(',')).map(text => parent(text.trim()))
  return allOf([fileAt(id), ...added, ...(metadata.is === 'own' ? [] : [metadata])])
}

function fileAt(id: string): WrittenPlace {
  return ALIASES.has(id) ? OWN : named(id)
}

function edited(head: RequestHead, path: string, body: BodyPart | null): WrittenPlace {
  const found = DOCUMENT.exec(path)
  if (found === null) return UNSEEN
  const id = found[1]
  if (id === undefined) return OWN
  if (!/:copyTo$/i.test(path)) return named(id)
  const target = member(requestJson(head, body), 'destinationSpreadsheetId')
  return parent(target)
}

/** Each request of a batch may have a credential of its own, which is not the one that is judged. */
function batch(head: RequestHead, body: BodyPart | null): WrittenPlace {
  if (body === null || !isReadable(head, body.complete)) return UNSEEN
  const entries = mixedBatch(head, body.bytes) ?? []
  return allOf(entries.flatMap(entry => {
    const path = plainPath(entry.head)
    const isOther = entry.head.headers.get('authorization') !== undefined || hasOwnCredential(entry.head.query)
    if (path === undefined || isOther || entry.body === undefined) return [UNSEEN]
    const isReading = entry.head.method === 'GET' || entry.head.method === 'HEAD'
    return isReading ? [] : [single(entry.head, path, { bytes: entry.body, complete: true })]
  }))
}

/** `parents` of version 3 are ids, of version 2 objects with an `id`. */
function placeIn(metadata: unknown): WrittenPlace {
  if (!isObject(metadata)) return UNSEEN
  const parents = parentsIn(metadata)
  if (parents === undefined || parents === null) return OWN
  if (!Array.isArray(parents)) return UNSEEN
  return parents.length === 0 ? OWN : allOf(parents.map(one => parent(isObject(one) ? member(one, 'id') : one)))
}

function hasParents(metadata: unknown): boolean {
  const parents = isObject(metadata) ? parentsIn(metadata) : undefined
  return Array.isArray(parents) && parents.length > 0
}

/** In whatever case: a reader that overlooks it must not see the root. */
function parentsIn(metadata: Readonly<Record<string, unknown>>): unknown {
  const name = Object.keys(metadata).find(key => key.toLowerCase() === 'parents')
  return name === undefined ? undefined : metadata[name]
}

function parent(id: unknown): WrittenPlace {
  return typeof id === 'string' && /^[\w-]{1,128}$/.test(id) ? fileAt(id) : UNSEEN
}
