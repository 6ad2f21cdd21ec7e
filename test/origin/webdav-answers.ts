import { randomUUID } from 'node:crypto'
import type { Exchange } from './exchange.ts'
import { Refusal } from './refusal.ts'
import type { Item } from './tree.ts'
import { document, element } from './xml.ts'
import type { Xml } from './xml.ts'

const NAMESPACES = 'xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns" xmlns:s="http://sabredav.org/ns"'
const XML = { 'content-type': 'application/xml; charset=utf-8' }

/** An item and where it is: the path as it is sent, percent-encoded, folders with a slash at their end. */
export interface Located { readonly href: string; readonly item: Item }

/** 207 for PROPFIND: every property that the stand-in has, whichever were asked for. */
export async function sendProperties(exchange: Exchange, located: readonly Located[]): Promise<void> {
  const responses = located.map(({ href, item }) => element('d:response',
    element('d:href', href), element('d:propstat', properties(item), element('d:status', 'HTTP/1.1 200 OK'))))
  await exchange.send(207, XML, document(element(`d:multistatus ${NAMESPACES}`, ...responses)))
}

/** 207 for PROPPATCH: all done. */
export async function sendPatched(exchange: Exchange, href: string): Promise<void> {
  const propstat = element('d:propstat', element('d:prop'), element('d:status', 'HTTP/1.1 200 OK'))
  await exchange.send(207, XML, document(element(`d:multistatus ${NAMESPACES}`, element('d:response', element('d:href', href), propstat))))
}

/** Grants a write lock, RFC 4918 §9.10. Nothing is held against it later. */
export async function sendLock(exchange: Exchange, status: number): Promise<void> {
  const token = `opaquelocktoken:${randomUUID()}`
  const active = element('d:activelock',
    element('d:locktype', element('d:write')), element('d:lockscope', element('d:exclusive')), element('d:depth', 'infinity'),
    element('d:timeout', 'Second-3600'), element('d:locktoken', element('d:href', token)))
  const body = document(element('d:prop xmlns:d="DAV:"', element('d:lockdiscovery', active)))
  await exchange.send(status, { ...XML, 'lock-token': `<${token}>` }, body)
}

/** Answers with a refusal in the form of sabre/dav, which Nextcloud stands on; throws what is none. */
export async function sendDavError(exchange: Exchange, error: unknown): Promise<void> {
  if (!(error instanceof Refusal)) throw error
  const body = document(element('d:error xmlns:d="DAV:" xmlns:s="http://sabredav.org/ns"',
    element('s:exception', `Sabre\\DAV\\Exception\\${error.code}`), element('s:message', error.message)))
  await exchange.send(error.status, { ...XML, ...error.headers }, body)
}

/** Of an item that has a content, with its hashes as Nextcloud tells them. */
export function etag(item: Item): string {
  return `"${item.content?.md5 ?? item.id}"`
}

/** What one may do with an item, in ownCloud's letters: files can be written, folders take files (C) and folders (K). */
export function permissions(item: Item): string {
  return item.content === null ? 'RGDNVCK' : 'RGDNVW'
}

function properties(item: Item): Xml {
  const { name, content, created, modified } = item
  const common = [
    element('d:displayname', name), element('d:getlastmodified', new Date(modified).toUTCString()), element('d:creationdate', created),
    element('d:getetag', etag(item)), element('oc:id', item.id), element('oc:permissions', permissions(item)),
  ]
  if (content === null) return element('d:prop', ...common, element('d:resourcetype', element('d:collection')))
  const checksum = `SHA1:${content.sha1 ?? ''} MD5:${content.md5 ?? ''}`
  return element('d:prop', ...common, element('d:resourcetype'), element('d:getcontentlength', content.size),
    element('d:getcontenttype', 'application/octet-stream'), element('oc:size', content.size),
    element('oc:checksums', element('oc:checksum', checksum)))
}
