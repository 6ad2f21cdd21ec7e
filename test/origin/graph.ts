import { accessOf } from './access.ts'
import type { Access } from './access.ts'
import { ACCOUNTS } from './accounts.ts'
import type { Content, Vault } from './content.ts'
import type { Exchange } from './exchange.ts'
import { newDrives, reaches, readAddress } from './graph-drives.ts'
import type { Address, Drive } from './graph-drives.ts'
import { sendGraphError } from './graph-errors.ts'
import { directoryAnswer } from './graph-directory.ts'
import { isForHost } from './graph-hosts.ts'
import { delta, driveResource, monitor, resource } from './graph-resources.ts'
import { UploadSessions } from './graph-sessions.ts'
import { asObject, list, text } from './json.ts'
import type { JsonObject } from './json.ts'
import { Refusal } from './refusal.ts'
import { SharePointRest } from './sharepoint-rest.ts'
import type { StandIn, StandInOptions } from './stand-in.ts'
import type { Item } from './tree.ts'

const API_HOSTS = ['graph.microsoft.com', 'api.onedrive.com']
const DOWNLOAD = /\/_layouts\/15\/download\.aspx$/
const MONITOR = /\/_api\/v2\.[01]\/monitor\/(.+)$/

interface Answer { readonly status: number; readonly body: unknown; readonly headers?: Readonly<Record<string, string>> }

/** Microsoft Graph drives, and the SharePoint and consumer hosts that take upload sessions and give downloads. */
export function graph(vault: Vault, options: StandInOptions = {}): StandIn {
  let drives = newDrives()
  const sessions = new UploadSessions(vault)
  const rest = new SharePointRest(vault)

  const find = ({ drive, itemId, path }: Address): Item => {
    const from = itemId === undefined || itemId === 'root' ? drive.tree.root : drive.tree.byId(itemId)
    const item = from === undefined ? undefined : drive.tree.at(path, from)
    if (item === undefined) throw new Refusal(404, 'itemNotFound', 'Item not found')
    return item
  }

  /** The folder and name that an address writes to; missing folders are made, as Graph does. */
  const place = (address: Address): { folder: Item; name: string } => {
    const { drive, path } = address
    const child = /^children\/([^/]+)\/content$/.exec(address.action)?.[1]
    if (child !== undefined) return { folder: find(address), name: decodeURIComponent(child) }
    if (path === '') {
      const item = find(address)
      if (item.parent === null) throw new Refusal(400, 'invalidRequest', 'the root takes no content')
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
    const times = asObject(asObject(body.item).fileSystemInfo)
    return { status: 200, body: sessions.start({ drive: address.drive, ...place(address), times }, address.version) }
  }

  const downloadUrl = (drive: Drive, item: Item): string =>
    `https://${drive.host}${drive.base}/_layouts/15/download.aspx?UniqueId=${encodeURIComponent(item.id)}&Translate=false&tempauth=FAKE`

  const addChild = (address: Address, body: JsonObject): Answer => {
    const folder = find(address)
    const name = text(body, 'name') ?? 'Untitled'
    if (body['@microsoft.graph.sourceUrl'] !== undefined) return { status: 202, body: {}, headers: monitor(address.drive, folder) }
    if (address.drive.tree.child(folder, name) !== undefined) throw new Refusal(409, 'nameAlreadyExists', `${name} is there`)
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
      case 'GET delta': return { status: 200, body: delta(drive, find(address)) }
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
      default: throw new Refusal(400, 'invalidRequest', `the stand-in does not know ${method} ${action}`)
    }
  }

  const isPut = (method: string, action: string): boolean => method === 'PUT' && /(?:^|\/)content$/.test(action)

  const batch = async (access: Access, body: JsonObject): Promise<Answer> => {
    const responses: JsonObject[] = []
    for (const entry of list(body, 'requests').map(asObject)) {
      responses.push({ id: entry.id, ...await batched(access, entry) })
    }
    return { status: 200, body: { responses } }
  }

  const batched = async (access: Access, entry: JsonObject): Promise<JsonObject> => {
    const method = text(entry, 'method') ?? 'GET'
    try {
      const target = (text(entry, 'url') ?? '').replace(/\?.*/, '')
      const told = method === 'GET' ? directoryAnswer(drives, target, access) : undefined
      if (told !== undefined) return { status: 200, body: told }
      const address = readAddress(drives, target, access)
      if (address === undefined) return { status: 404, body: {} }
      if (!isPut(method, address.action)) return { ...answer(method, address, asObject(entry.body)) }
      const writer = vault.writer()
      await writer.write(Buffer.from(text(entry, 'body') ?? '', 'base64'))
      return { ...put(address, await writer.finish()) }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return { status: error.status, body: { error: { code: error.code, message: error.message } } }
    }
  }

  const download = async (exchange: Exchange): Promise<void> => {
    const id = exchange.query.get('UniqueId') ?? ''
    const here = [...drives.values()].filter(drive => drive.host === exchange.record.host)
    const item = here.map(({ tree }) => tree.byId(id)).find(each => each !== undefined)
    if (item === undefined || item.content === null) throw new Refusal(404, 'itemNotFound', 'Item not found')
    await exchange.sendContent(item.content, {})
  }

  /** Whose account a request uses. Throws where the token is not good, or not for this host. */
  const accessFor = (exchange: Exchange): Access => {
    const { host, path } = exchange.record
    const isApi = API_HOSTS.includes(host)
    const access = accessOf(exchange, 'microsoft', isApi ? options : {})
    if (access === undefined || !UploadSessions.is(path) && !isForHost(access, host)) {
      throw new Refusal(401, 'InvalidAuthenticationToken', 'Access token is empty or not valid.', { 'www-authenticate': 'Bearer' })
    }
    const { consumer } = ACCOUNTS
    return host === 'api.onedrive.com' && access.isDefault ? { ...access, account: consumer, directory: consumer } : access
  }

  const handle = async (exchange: Exchange): Promise<void> => {
    const { host, method, path } = exchange.record
    const access = accessFor(exchange)
    if (UploadSessions.is(path)) return sessions.proceed(exchange, access)
    if (SharePointRest.is(path)) {
      const here = [...drives.values()].filter(each => each.host === host)
      const drive = here.find(({ base }) => path.startsWith(`${base}/`)) ?? here[0]
      if (drive !== undefined && reaches(access, drive)) return rest.handle(exchange, drive)
    }
    if (DOWNLOAD.test(path)) return download(exchange)
    const watched = MONITOR.exec(path)
    if (watched !== null) return exchange.json(200, { status: 'completed', percentageComplete: 100, resourceId: watched[1] })
    if (/^\/(?:v1\.0|beta)\/\$batch$/.test(path)) return reply(exchange, await batch(access, await exchange.readJson()))
    const told = method === 'GET' ? directoryAnswer(drives, path.replace(/^\/(?:v1\.0|beta)(?=\/)/, ''), access) : undefined
    if (told !== undefined) return exchange.json(200, told)
    const address = readAddress(drives, path, access)
    if (address === undefined) throw new Refusal(404, 'itemNotFound', `the stand-in has no ${path}`)
    if (!isPut(method, address.action)) return reply(exchange, answer(method, address, await exchange.readJson()))
    const writer = vault.writer()
    await exchange.receive(writer)
    await reply(exchange, put(address, await writer.finish()))
  }

  return {
    hosts: [
      'graph.microsoft.com', 'contoso-my.sharepoint.com', 'contoso.sharepoint.com',
      'fabrikam-my.sharepoint.com', 'fabrikam.sharepoint.com', 'my.microsoftpersonalcontent.com', 'api.onedrive.com', 'onedrive.live.com',
    ],
    carriesContent: (method, path) =>
      SharePointRest.carriesContent(path) ||
      method === 'PUT' && (UploadSessions.is(path) || path.endsWith('/content')) ||
      method === 'POST' && path.endsWith('/$batch'),
    handle: async exchange => {
      try {
        await handle(exchange)
      } catch (error) {
        await sendGraphError(exchange, error)
      }
    },
    stored: () => [...drives.values()].flatMap(({ tree, provider, owner, id }) => [...tree.items()].flatMap(item =>
      item.content === null ? [] : [{
        provider, account: owner.name, drive: id, path: tree.pathOf(item), name: item.name,
        size: item.content.size, sha256: item.content.sha256,
      }])),
    reset: () => {
      drives = newDrives()
      sessions.reset()
      rest.reset()
    },
  }
}

async function reply(exchange: Exchange, { status, body, headers }: Answer): Promise<void> {
  if (body === undefined) return exchange.empty(status, headers)
  await exchange.json(status, body, headers)
}
