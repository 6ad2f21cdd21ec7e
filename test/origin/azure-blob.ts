import { randomUUID } from 'node:crypto'
import { AZURE, checkSharedKey } from './azure-signature.ts'
import { Buckets } from './buckets.ts'
import type { StoredObject } from './buckets.ts'
import type { Content, Vault } from './content.ts'
import type { Exchange } from './exchange.ts'
import { Parts } from './parts.ts'
import { Refusal } from './refusal.ts'
import type { StandIn } from './stand-in.ts'
import { document, element, textsOf } from './xml.ts'
import type { Xml } from './xml.ts'

const DOMAIN = '.blob.core.windows.net'

/** Azure Blob Storage, as https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api tells it: block blobs. */
export function azureBlob(vault: Vault): StandIn {
  /** The containers of all accounts: `account/container`. */
  const fresh = (): Buckets => new Buckets(AZURE.accounts.map(account => `${account}/files`))
  let containers = fresh()
  /** Blocks that no list has committed, by `container/blob`. */
  let blocks = new Map<string, Parts>()

  const find = (container: string, name: string): StoredObject => {
    const blob = containers.get(container, name)
    if (blob === undefined) throw new Refusal(404, 'BlobNotFound', 'The specified blob does not exist.')
    return blob
  }

  const receive = async (exchange: Exchange): Promise<Content> => {
    const writer = vault.writer({ md5: true })
    await exchange.receive(writer)
    const content = await writer.finish()
    const claimed = exchange.header('content-md5')
    if (claimed !== undefined && claimed !== base64(content)) {
      throw new Refusal(400, 'Md5Mismatch', 'The MD5 value specified in the request did not match with the MD5 value calculated by the server.')
    }
    return content
  }

  const store = async (exchange: Exchange, container: string, key: string, content: Content): Promise<void> => {
    const blob: StoredObject = {
      key, content, contentType: exchange.header('x-ms-blob-content-type') ?? exchange.header('content-type') ?? 'application/octet-stream',
      etag: `"0x${randomUUID().slice(0, 8).toUpperCase()}"`, modified: new Date().toISOString(), metadata: metadataOf(exchange),
    }
    await containers.put(container, blob)
    await reply(exchange, 201, { ...told(blob), 'content-md5': base64(content) })
  }

  const inContainer = async (exchange: Exchange, container: string): Promise<void> => {
    const [method, what] = [exchange.record.method, exchange.query.get('comp') ?? '']
    if (method === 'PUT' && what === '') {
      await exchange.drain()
      if (containers.has(container)) throw new Refusal(409, 'ContainerAlreadyExists', 'The specified container already exists.')
      containers.create(container)
      return reply(exchange, 201)
    }
    if (!containers.has(container)) throw new Refusal(404, 'ContainerNotFound', 'The specified container does not exist.')
    if (method === 'GET' && what === 'list') return sendXml(exchange, listing(exchange, containers, container))
    if (method === 'GET' || method === 'HEAD') return reply(exchange, 200, { etag: '"0x1"', 'last-modified': new Date().toUTCString() })
    throw new Refusal(405, 'UnsupportedHttpVerb', 'The resource does not support the specified HTTP verb.')
  }

  const put = async (exchange: Exchange, container: string, name: string): Promise<void> => {
    const address = `${container}/${name}`
    const what = exchange.query.get('comp')
    const staged = blocks.get(address) ?? new Parts()
    if (what === 'block') {
      const id = exchange.query.get('blockid') ?? ''
      const length = Buffer.from(id, 'base64').length
      if (length === 0 || length > 64 || staged.names().some(other => other.length !== id.length)) {
        throw new Refusal(400, 'InvalidQueryParameterValue', 'All block ids of a blob must be of the same length, 64 bytes at most.')
      }
      // Before the body is read: the next block may come at the same time.
      blocks.set(address, staged)
      const content = await receive(exchange)
      await staged.put(id, content)
      return reply(exchange, 201, { 'content-md5': base64(content) })
    }
    if (what === 'blocklist') {
      const xml = (await exchange.readBytes()).toString('utf8')
      const ids = textsOf(xml, '(?:Latest|Uncommitted|Committed)')
      if (ids.some(id => staged.get(id) === undefined)) throw new Refusal(400, 'InvalidBlockList', 'The specified block list is invalid.')
      const content = await staged.join(vault, ids, { md5: true })
      blocks.delete(address)
      return store(exchange, container, name, content)
    }
    if (what === 'metadata' || what === 'properties') {
      await exchange.drain()
      const blob = find(container, name)
      const changed = what === 'metadata' ? { ...blob, metadata: { ...blob.metadata, ...metadataOf(exchange) } } : blob
      await containers.put(container, changed)
      return reply(exchange, 200, told(changed))
    }
    if (what !== null) throw new Refusal(400, 'InvalidQueryParameterValue', `the stand-in does not know comp=${what}`)
    const source = exchange.header('x-ms-copy-source')
    if (source !== undefined) return copy(exchange, container, name, new URL(source))
    if (exchange.header('x-ms-blob-type') !== 'BlockBlob') {
      throw new Refusal(400, 'MissingRequiredHeader', 'An HTTP header that is mandatory for this request is not specified: x-ms-blob-type.')
    }
    await store(exchange, container, name, await receive(exchange))
  }

  const copy = async (exchange: Exchange, container: string, name: string, source: URL): Promise<void> => {
    const from = addressOf(source.hostname, source.pathname)
    await exchange.drain()
    const made = { ...find(from.container, from.name), key: name, modified: new Date().toISOString() }
    await containers.put(container, made)
    await reply(exchange, 202, { ...told(made), 'x-ms-copy-id': randomUUID(), 'x-ms-copy-status': 'success' })
  }

  const inBlob = async (exchange: Exchange, container: string, name: string): Promise<void> => {
    if (!containers.has(container)) throw new Refusal(404, 'ContainerNotFound', 'The specified container does not exist.')
    switch (exchange.record.method) {
      case 'PUT': return put(exchange, container, name)
      case 'HEAD':
      case 'GET': {
        const blob = find(container, name)
        const headers = {
          ...told(blob), ...blob.metadata, 'content-type': blob.contentType, 'content-md5': base64(blob.content), 'accept-ranges': 'bytes',
          'x-ms-blob-type': 'BlockBlob', 'x-ms-creation-time': new Date(blob.modified).toUTCString(), ...common(),
        }
        return exchange.sendContent(blob.content, headers, exchange.header('x-ms-range') ?? exchange.header('range'))
      }
      case 'DELETE':
        find(container, name)
        await containers.delete(container, name)
        return reply(exchange, 202)
      default: throw new Refusal(405, 'UnsupportedHttpVerb', 'The resource does not support the specified HTTP verb.')
    }
  }

  const handle = async (exchange: Exchange): Promise<void> => {
    const { host, path } = exchange.record
    const { account, container, name } = addressOf(host, path)
    checkSharedKey(exchange, account)
    if (container.endsWith('/')) {
      const each = containers.names().filter(full => full.startsWith(`${account}/`)).map(full => element('Container',
        element('Name', full.slice(account.length + 1)), element('Properties', element('Etag', '0x1'), element('Last-Modified', new Date(0).toUTCString()))))
      return sendXml(exchange, element('EnumerationResults', element('Containers', ...each), element('NextMarker')))
    }
    if (name === '') return inContainer(exchange, container)
    await inBlob(exchange, container, name)
  }

  return {
    hosts: AZURE.accounts.map(account => account + DOMAIN),
    http1Only: true,
    rootIsService: true,
    carriesContent: method => method === 'PUT',
    handle: async exchange => {
      try {
        await handle(exchange)
      } catch (error) {
        if (!(error instanceof Refusal)) throw error
        const { status, code, message } = error
        const headers = { 'x-ms-error-code': code }
        if (exchange.record.method === 'HEAD') return reply(exchange, status, headers)
        await sendXml(exchange, element('Error', element('Code', code), element('Message', message)), status, headers)
      }
    },
    stored: () => containers.stored('azure-blob'),
    reset: () => {
      containers = fresh()
      blocks = new Map()
    },
  }
}

function addressOf(host: string, path: string): { account: string; container: string; name: string } {
  const account = host.slice(0, -DOMAIN.length)
  const [, container = '', name = ''] = /^\/([^/]*)\/?(.*)$/s.exec(path) ?? []
  return { account, container: `${account}/${container}`, name: decodeURIComponent(name) }
}

function listing(exchange: Exchange, containers: Buckets, container: string): Xml {
  const { query } = exchange
  const { objects, prefixes } = containers.list(container, query.get('prefix') ?? '', query.get('delimiter') ?? '')
  const blobs = objects.map(blob => element('Blob', element('Name', blob.key),
    element('Properties',
      element('Creation-Time', new Date(blob.modified).toUTCString()), element('Last-Modified', new Date(blob.modified).toUTCString()),
      element('Etag', blob.etag.replaceAll('"', '')), element('Content-Length', blob.content.size), element('Content-Type', blob.contentType),
      element('Content-MD5', base64(blob.content)), element('BlobType', 'BlockBlob'), element('AccessTier', 'Hot')),
    element('Metadata', ...Object.entries(blob.metadata).map(([name, value]) => element(name.slice('x-ms-meta-'.length), value)))))
  return element(`EnumerationResults ServiceEndpoint="https://${exchange.record.host}/" ContainerName="${container.split('/')[1] ?? ''}"`,
    element('Prefix', query.get('prefix') ?? ''), element('Delimiter', query.get('delimiter') ?? ''),
    element('Blobs', ...blobs, ...prefixes.map(prefix => element('BlobPrefix', element('Name', prefix)))), element('NextMarker'))
}

function common(): Readonly<Record<string, string>> {
  return { 'x-ms-request-id': randomUUID(), 'x-ms-version': '2021-12-02', date: new Date().toUTCString() }
}

function told({ etag, modified }: StoredObject): Readonly<Record<string, string>> {
  return { etag, 'last-modified': new Date(modified).toUTCString() }
}

async function reply(exchange: Exchange, status: number, headers: Readonly<Record<string, string>> = {}): Promise<void> {
  await exchange.empty(status, { ...common(), ...headers })
}

async function sendXml(exchange: Exchange, root: Xml, status = 200, headers: Readonly<Record<string, string>> = {}): Promise<void> {
  await exchange.send(status, { 'content-type': 'application/xml', ...common(), ...headers }, document(root))
}

/** The headers that come back with the blob. */
function metadataOf({ record }: Exchange): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(record.headers).filter(([name]) => name.startsWith('x-ms-meta-')))
}

function base64({ md5 = '' }: Content): string {
  return Buffer.from(md5, 'hex').toString('base64')
}
