import { isObject, listMember, member, readJson } from './json.ts'
import { hasOnly, plainPath, requestJson } from './plain-request.ts'
import type { BodyPart, RequestHead, WrittenPlace } from './provider.ts'
import type { Operation } from '../operation.ts'
import { queryValues } from './query.ts'
import { headerUtf8 } from './text.ts'
import { allOf, named, OWN, UNSEEN } from './written-place.ts'

const API_HOSTS: ReadonlySet<string> = new Set([
  'content.dropboxapi.com', 'api.dropboxapi.com', 'api.dropbox.com', 'api-content.dropbox.com', 'content.dropbox.com',
])

/** Calls whose body is content, with their arguments in the header `Dropbox-API-Arg` or the query's `arg`. */
const CONTENT = /^\/2\/files\/(?:(?:alpha\/)?upload|upload_session\/finish|paper\/(?:create|update))$/
/** Calls that put content into a session, before anybody says where it goes. */
const PARTS = /^\/2\/files\/upload_session\/(?:start|start_batch|append|append_v2|append_batch)$/
/** A temporary link, which is a session of its own. */
const LINK = /^\/apitul\/\d{1,4}\/[\w-]{1,256}$/
const CALL = /^\/2\/(?:files|sharing|file_requests|file_properties)\/[a-z0-9_/]+$/

/** `authorization` would be another credential than the request's own. */
const CONTENT_QUERY: ReadonlySet<string> = new Set(['arg', 'reject_cors_preflight'])
const CALL_QUERY: ReadonlySet<string> = new Set(['reject_cors_preflight'])

/** Members that name what is written to; the source of a copy (`from_path`) is none of them. */
const ADDRESSES = ['path', 'to_path', 'destination', 'file'] as const

/**
 * Where a call of the Dropbox API writes to (Dropbox for HTTP developers; "Path Root header modes" of the team files
 * guide): a path below `/` is the account's own unless `Dropbox-API-Path-Root` names a namespace; `ns:` and `id:` name one.
 * A session's start and parts say nothing themselves: they stay with the account until a finish names the place, which is
 * judged by what it names, never by its start. What a temporary link takes goes where the link's making said.
 */
export function dropboxPlace(head: RequestHead, operation: Operation, body: BodyPart | null): WrittenPlace {
  const path = plainPath(head)
  if (path === undefined || head.method !== 'POST' || !API_HOSTS.has(head.host)) return UNSEEN
  if (LINK.test(path)) return operation.session !== undefined && head.query === '' ? OWN : UNSEEN
  const isContent = CONTENT.test(path)
  const isPart = PARTS.test(path)
  if (!isContent && !isPart && !CALL.test(path)) return UNSEEN
  if (!hasOnly(head.query, isContent || isPart ? CONTENT_QUERY : CALL_QUERY)) return UNSEEN
  const root = rootOf(head.headers.get('dropbox-api-path-root'))
  if (root.is === 'unseen') return root
  if (isPart) return isClear(head) ? root : UNSEEN
  return allOf(addressesIn(isContent ? argumentOf(head) : callOf(head, body)).map(address => placeAt(address, root)))
}

/** `{".tag": "home"}`, `{".tag": "root", "root": "12"}`, `{".tag": "namespace_id", "namespace_id": "12"}`. */
function rootOf(header: string | undefined): WrittenPlace {
  if (header === undefined) return OWN
  const value = readJson(header)
  const tag = member(value, '.tag')
  if (tag === 'home') return OWN
  return tag === 'root' || tag === 'namespace_id' ? namespace(member(value, tag)) : UNSEEN
}

function namespace(id: unknown): WrittenPlace {
  return typeof id === 'string' && /^[-\w]{1,64}$/.test(id) ? named(`ns:${id}`) : UNSEEN
}

/** The call's arguments, told once. */
function argumentOf(head: RequestHead): unknown {
  const texts = argumentsOf(head)
  return texts.length === 1 && texts[0] !== undefined ? readJson(texts[0]) : undefined
}

/** Whether nobody could read another session in the arguments: of a start in a batch there are none. */
function isClear(head: RequestHead): boolean {
  return argumentsOf(head).length === 0 || argumentOf(head) !== undefined
}

function argumentsOf(head: RequestHead): readonly string[] {
  const header = head.headers.get('dropbox-api-arg')
  return [...(header === undefined ? [] : [headerUtf8(header)]), ...queryValues(head.query, 'arg')]
}

function callOf(head: RequestHead, body: BodyPart | null): unknown {
  return head.headers.get('dropbox-api-arg') === undefined ? requestJson(head, body) : undefined
}

/** Every address that the arguments name; undefined among them where one is no text. Dropbox refuses members that a call does not have. */
function addressesIn(argument: unknown): readonly (string | undefined)[] {
  if (!isObject(argument)) return []
  const entries = listMember(argument, 'entries')
  const paths = listMember(argument, 'paths')
  if (entries !== undefined) return entries.flatMap(entry => orNone(addressesOf(entry)))
  return paths === undefined ? addressesOf(argument) : paths.map(textOf)
}

function addressesOf(entry: unknown): readonly (string | undefined)[] {
  const folder = member(entry, 'shared_folder_id')
  const shared = folder === undefined ? [] : [typeof folder === 'string' ? `ns:${folder}` : undefined]
  const holders = [entry, member(entry, 'commit'), member(entry, 'commit_info')]
  const told = holders.flatMap(holder => ADDRESSES.map(name => member(holder, name))).filter(value => value !== undefined)
  return [...shared, ...told.map(textOf)]
}

/** An entry without an address is one that could not be read. */
function orNone(addresses: readonly (string | undefined)[]): readonly (string | undefined)[] {
  return addresses.length === 0 ? [undefined] : addresses
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** `/d/a.txt` below the root, `ns:12/d/a.txt`, `id:a4ayc`. */
function placeAt(address: string | undefined, root: WrittenPlace): WrittenPlace {
  if (address === '' || address?.startsWith('/') === true) return root
  const id = address === undefined ? undefined : /^(?:ns|id):[-\w]{1,128}(?=\/|$)/.exec(address)?.[0]
  if (id === undefined) return UNSEEN
  return root.is === 'named' ? allOf([root, named(id)]) : named(id)
}
