import type { Operation } from '../operation.ts'
import { member } from './json.ts'
import { metadataPart } from './metadata-part.ts'
import { plainPath, requestJson } from './plain-request.ts'
import type { BodyPart, RequestHead, WrittenPlace } from './provider.ts'
import { isEncoded } from './reading.ts'
import { allOf, named, OWN, UNSEEN } from './written-place.ts'

const API_HOSTS: ReadonlySet<string> = new Set(['api.box.com', 'upload.box.com'])
const BASE = /^(?:\/api)?\/2\.0(?=\/)/
const FORM = /^\/files\/content$/
const SESSION = /^\/files\/upload_sessions$/
const PART = /^\/files\/upload_sessions\/\w{1,128}(?:\/commit)?$/
const ITEM = /^\/(files|folders)\/(\d{1,32})(?:\/(content|upload_sessions|copy))?$/

/**
 * Where a request to Box writes to (Box API reference): `parent.id` of what is created, copied or moved, `folder_id` of a
 * session, the file that takes a new version; folder `0` is the account's own root. Parts of a session go where its start said.
 */
export function boxPlace(head: RequestHead, operation: Operation, body: BodyPart | null): WrittenPlace {
  const path = plainPath(head)?.replace(BASE, '')
  if (path === undefined || path === head.path || head.query.includes('access_token') || isSignedInByCookie(head)) return UNSEEN
  if (head.method === 'POST' && FORM.test(path)) return folderAt(member(member(attributesIn(head, body), 'parent'), 'id'))
  if (head.method === 'POST' && SESSION.test(path)) return folderAt(member(requestJson(head, body), 'folder_id'))
  if (head.method === 'POST' && path === '/folders') return folderAt(parentIn(requestJson(head, body)))
  if (PART.test(path)) return operation.session !== undefined && (head.method === 'PUT' || head.method === 'POST') ? OWN : UNSEEN
  const item = ITEM.exec(path)
  if (item === null || (head.method !== 'POST' && head.method !== 'PUT')) return UNSEEN
  return itemAt(head, item, body)
}

/** The web page's hosts know who is there by a cookie, whatever token is beside it. */
function isSignedInByCookie({ host, headers }: RequestHead): boolean {
  return !API_HOSTS.has(host) && headers.get('cookie') !== undefined
}

function itemAt(head: RequestHead, [, kind, id = '', part]: RegExpExecArray, body: BodyPart | null): WrittenPlace {
  const place = kind === 'files' ? named(`file:${id}`) : folderAt(id)
  if (part === 'content' || part === 'upload_sessions') return kind === 'files' ? place : UNSEEN
  const value = requestJson(head, body)
  if (value === undefined) return UNSEEN
  const parent = parentIn(value)
  if (part === 'copy') return folderAt(parent)
  // A new parent moves it.
  return parent === undefined ? place : allOf([place, folderAt(parent)])
}

function parentIn(value: unknown): unknown {
  return member(member(value, 'parent'), 'id')
}

/**
 * The form's `attributes`, which must come first and alone before the file ("metadata_after_file_contents" refuses them
 * behind it): with another field between them, nobody could say which of the two Box follows.
 */
function attributesIn(head: RequestHead, body: BodyPart | null): unknown {
  if (body === null || isEncoded(head)) return undefined
  const part = metadataPart(body.bytes, head.headers.get('content-type'))
  if (part?.next === undefined || !isAttributes(dispositions(part.head))) return undefined
  return isFile(dispositions(part.next)) ? part.value : undefined
}

function isFile(lines: readonly string[]): boolean {
  return lines.length === 1 && /;\s*filename=/i.test(lines[0] ?? '')
}

function dispositions(lines: readonly string[]): readonly string[] {
  return lines.filter(line => /^content-disposition:/i.test(line))
}

function isAttributes(lines: readonly string[]): boolean {
  return lines.length === 1 && /^content-disposition:\s*form-data;\s*name="?attributes"?\s*$/i.test(lines[0] ?? '')
}

/** Ids are numbers, mostly written as text. */
function folderAt(id: unknown): WrittenPlace {
  // Above 2^53 several ids are one number here.
  const text = Number.isSafeInteger(id) ? String(id) : id
  if (typeof text !== 'string' || !/^\d{1,32}$/.test(text)) return UNSEEN
  return text === '0' ? OWN : named(`folder:${text}`)
}
