import { randomUUID } from 'node:crypto'
import type { Content, ContentWriter, Vault } from './content.ts'
import type { Exchange } from './exchange.ts'
import { newDrives, readAddress } from './graph-drives.ts'
import type { Address, Drive } from './graph-drives.ts'
import { driveResource, monitor, resource } from './graph-resources.ts'
import { asObject, list, text } from './json.ts'
import type { JsonObject } from './json.ts'
import type { StandIn } from './stand-in.ts'
import type { Item } from './tree.ts'

const SESSION = /\/_api\/v2\.[01]\/drives\/[^/]+\/items\/[^/]+\/uploadSession$/
const DOWNLOAD = /\/_layouts\/15\/download\.aspx$/
const MONITOR = /\/_api\/v2\.[01]\/monitor\/(.+)$/

interface Session {
  readonly drive: Drive
  readonly folder: Item
  readonly name: string
  readonly times: JsonObject
  readonly writer: ContentWriter
}

interface Answer { readonly status: number; readonly body: unknown; readonly headers?: Readonly<Record<string, string>> }

class GraphError extends Error {
  override readonly name = 'GraphError'
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

/** Microsoft Graph drives, and the SharePoint and consumer hosts that take upload sessions and give downloads. */
export function graph(vault: Vault): StandIn {
  let drives = newDrives()
  let sessions = new Map<string, Session>()

  const find = ({ drive, itemId, path }: Address): Item => {
    const from = itemId === undefined || itemId === 'root' ? drive.tree.root : drive.tree.byId(itemId)
    const item = from === undefined ? undefined : drive.tree.at(path, from)
    if (item === undefined) throw new GraphError(404, 'itemNotFound', 'Item not found')
    return item
  }

  /** The folder and name that an address writes to; missing folders are made, as Graph does. */
  const place = (address: Address): { folder: Item; name: string } => {
    const { drive, path } = address
    const child = /^children\/([^/]+)\/content$/.exec(address.action)?.[1]
    if (child !== undefined) return { folder: find(address), name: decodeURIComponent(child) }
    if (path === '') {
      const item = find(address)
      if (item.parent === null) throw new GraphError(400, 'invalidRequest', 'the root takes no content')
      return { folder: item.parent, name: item.name }
    }
    const cut = path.lastIndexOf('/')
    const from = find({ ...address, path: '' })
    return { folder: drive.tree.folderAt(path.slice(0, Math.max(cut, 0)), from), name: path.slice(cut + 1) }
  }

  const put = (address: Address, content: Content): Answer => {
    const { folder, name } = place(address)
    const isNew = address.drive.tree.child(folder, name) === undefined
    return { status: isNew ? 201 : 200, body: resource(address.drive, address.drive.tree.add(folder, { name, content })) }
  }

  const startSession = (address: Address, body: JsonObject): Answer => {
    const { drive } = address
    const { folder, name } = place(address)
    const guid = randomUUID().replaceAll('-', '')
    const times = asObject(asObject(body.item).fileSystemInfo)
    sessions.set(guid, { drive, folder, name, times, writer: vault.writer() })
    const query = `guid='${guid}'&overwrite=True&rename=False&dc=0&tempauth=FAKE`
    const uploadUrl = `https://${drive.host}${drive.base}/_api/v2.0/drives/${drive.id}/items/FAKEITEM/uploadSession?${query}`
    return { status: 200, body: { uploadUrl, expirationDateTime: expiry(), nextExpectedRanges: ['0-'] } }
  }

  const downloadUrl = (drive: Drive, item: Item): string =>
    `https://${drive.host}${drive.base}/_layouts/15/download.aspx?UniqueId=${encodeURIComponent(item.id)}&Translate=false&tempauth=FAKE`

  const addChild = (address: Address, body: JsonObject): Answer => {
    const folder = find(address)
    const name = text(body, 'name') ?? 'Untitled'
    if (body['@microsoft.graph.sourceUrl'] !== undefined) return { status: 202, body: {}, headers: monitor(address.drive, folder) }
    if (address.drive.tree.child(folder, name) !== undefined) throw new GraphError(409, 'nameAlreadyExists', `${name} is there`)
    return { status: 201, body: resource(address.drive, address.drive.tree.add(folder, { name })) }
  }

  const change = (address: Address, body: JsonObject): Answer => {
    const { drive } = address
    const item = find(address)
    const times = asObject(body.fileSystemInfo)
    item.modified = text(times, 'lastModifiedDateTime') ?? item.modified
    item.created = text(times, 'createdDateTime') ?? item.created
    const to = text(asObject(body.parentReference), 'id')
    const folder = to === undefined ? item.parent : find({ ...address, itemId: to, path: '' })
    if (folder !== null) drive.tree.move(item, folder, text(body, 'name') ?? item.name)
    return { status: 200, body: resource(drive, item) }
  }

  const copy = (address: Address, body: JsonObject): Answer => {
    const item = find(address)
    const to = text(asObject(body.parentReference), 'id')
    const folder = to === undefined ? item.parent ?? item : find({ ...address, itemId: to, path: '' })
    const made = address.drive.tree.copy(item, folder, text(body, 'name') ?? item.name)
    return { status: 202, body: {}, headers: monitor(address.drive, made) }
  }

  /** What a JSON request is answered with; the bodies of uploads do not come this way. */
  const answer = (method: string, address: Address, body: JsonObject): Answer => {
    const { drive, action, isDrive } = address
    if (isDrive) return { status: 200, body: driveResource(drive) }
    switch (`${method} ${action}`) {
      case 'GET ': return { status: 200, body: resource(drive, find(address)) }
      case 'PATCH ': return change(address, body)
      case 'DELETE ':
        drive.tree.remove(find(address))
        return { status: 204, body: undefined }
      case 'GET children': return { status: 200, body: { value: [...find(address).kids.values()].map(item => resource(drive, item)) } }
      case 'POST children': return addChild(address, body)
      case 'GET content': return { status: 302, body: {}, headers: { location: downloadUrl(drive, find(address)) } }
      case 'POST createUploadSession': return startSession(address, body)
      case 'POST copy': return copy(address, body)
      case 'POST createLink': {
        const link = { type: text(body, 'type') ?? 'view', scope: 'anonymous', webUrl: `https://${drive.host}/:u:/g/fake` }
        return { status: 201, body: { id: 'fake', roles: ['read'], link } }
      }
      case 'POST invite':
      case 'GET permissions': return { status: 200, body: { value: [] } }
      default: throw new GraphError(400, 'invalidRequest', `the stand-in does not know ${method} ${action}`)
    }
  }

  const isPut = (method: string, action: string): boolean => method === 'PUT' && /(?:^|\/)content$/.test(action)

  const batch = async (host: string, body: JsonObject): Promise<Answer> => {
    const responses: JsonObject[] = []
    for (const entry of list(body, 'requests').map(asObject)) {
      responses.push({ id: entry.id, ...await batched(host, entry) })
    }
    return { status: 200, body: { responses } }
  }

  const batched = async (host: string, entry: JsonObject): Promise<JsonObject> => {
    const method = text(entry, 'method') ?? 'GET'
    try {
      const address = readAddress(drives, host, (text(entry, 'url') ?? '').replace(/\?.*/, ''))
      if (address === undefined) return { status: 404, body: {} }
      if (!isPut(method, address.action)) return { ...answer(method, address, asObject(entry.body)) }
      const writer = vault.writer()
      await writer.write(Buffer.from(text(entry, 'body') ?? '', 'base64'))
      return { ...put(address, await writer.finish()) }
    } catch (error) {
      if (!(error instanceof GraphError)) throw error
      return { status: error.status, body: { error: { code: error.code, message: error.message } } }
    }
  }

  const session = async (exchange: Exchange): Promise<void> => {
    const guid = (exchange.query.get('guid') ?? '').replaceAll("'", '')
    const known = sessions.get(guid)
    const { method, host } = exchange.record
    if (known === undefined || known.drive.host !== host) throw new GraphError(404, 'itemNotFound', 'there is no such upload session')
    const { writer, drive, folder, name, times } = known
    const progress = (): JsonObject => ({ expirationDateTime: expiry(), nextExpectedRanges: [`${writer.size}-`] })
    if (method === 'GET') return exchange.json(200, progress())
    if (method === 'DELETE') {
      sessions.delete(guid)
      await writer.discard()
      return exchange.empty(204)
    }
    const range = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(exchange.header('content-range') ?? '')
    if (method !== 'PUT' || range === null || Number(range[1]) !== writer.size) {
      throw new GraphError(416, 'invalidRange', `the next byte expected is ${writer.size}`)
    }
    await exchange.receive(writer)
    if (writer.size < Number(range[3])) return exchange.json(202, progress())
    sessions.delete(guid)
    const [created, modified] = [text(times, 'createdDateTime'), text(times, 'lastModifiedDateTime')]
    const item = drive.tree.add(folder, { name, content: await writer.finish(), created, modified })
    await exchange.json(201, resource(drive, item))
  }

  const download = async (exchange: Exchange): Promise<void> => {
    const id = exchange.query.get('UniqueId') ?? ''
    const item = [...drives.values()].find(drive => drive.host === exchange.record.host)?.tree.byId(id)
    if (item === undefined || item.content === null) throw new GraphError(404, 'itemNotFound', 'Item not found')
    await exchange.sendContent(item.content, {})
  }

  const handle = async (exchange: Exchange): Promise<void> => {
    const { host, method, path } = exchange.record
    if (SESSION.test(path)) return session(exchange)
    if (DOWNLOAD.test(path)) return download(exchange)
    const watched = MONITOR.exec(path)
    if (watched !== null) return exchange.json(200, { status: 'completed', percentageComplete: 100, resourceId: watched[1] })
    if (/^\/(?:v1\.0|beta)\/\$batch$/.test(path)) return reply(exchange, await batch(host, await exchange.readJson()))
    const fixed = FIXED[path]
    if (fixed !== undefined) return exchange.json(200, fixed)
    const address = readAddress(drives, host, path)
    if (address === undefined) throw new GraphError(404, 'itemNotFound', `the stand-in has no ${path}`)
    if (!isPut(method, address.action)) return reply(exchange, answer(method, address, await exchange.readJson()))
    const writer = vault.writer()
    await exchange.receive(writer)
    await reply(exchange, put(address, await writer.finish()))
  }

  return {
    hosts: [
      'graph.microsoft.com', 'contoso-my.sharepoint.com', 'contoso.sharepoint.com', 'fabrikam-my.sharepoint.com',
      'my.microsoftpersonalcontent.com', 'api.onedrive.com',
    ],
    carriesContent: (method, path) =>
      method === 'PUT' && (SESSION.test(path) || path.endsWith('/content')) || method === 'POST' && path.endsWith('/$batch'),
    handle: async exchange => {
      try {
        await handle(exchange)
      } catch (error) {
        if (!(error instanceof GraphError || error instanceof SyntaxError)) throw error
        const [status, code] = error instanceof GraphError ? [error.status, error.code] : [400, 'invalidRequest']
        const innerError = { 'request-id': randomUUID(), date: new Date().toISOString() }
        await exchange.json(status, { error: { code, message: error.message, innerError } })
      }
    },
    stored: () => [...drives.values()].flatMap(({ tree, provider, id }) => [...tree.items()].flatMap(item =>
      item.content === null ? [] : [{
        provider, drive: id, path: tree.pathOf(item), name: item.name, size: item.content.size, sha256: item.content.sha256,
      }])),
    reset: () => {
      drives = newDrives()
      sessions = new Map()
    },
  }
}

const FIXED: Readonly<Record<string, JsonObject>> = {
  '/v1.0/me': { id: 'FAKEuser', displayName: 'Fay Example', userPrincipalName: 'fay@contoso.example' },
  '/v1.0/organization': { value: [{ id: '00000000-0000-0000-0000-00000000c0de', displayName: 'Contoso' }] },
}

async function reply(exchange: Exchange, { status, body, headers }: Answer): Promise<void> {
  if (body === undefined) return exchange.empty(status, headers)
  await exchange.json(status, body, headers)
}

function expiry(): string {
  return new Date(Date.now() + 86_400_000).toISOString()
}
