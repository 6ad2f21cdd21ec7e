import { randomUUID } from 'node:crypto'
import { NameInUse, resource, sendBoxError, sessionResource } from './box-resources.ts'
import type { Session } from './box-resources.ts'
import type { Content, Vault } from './content.ts'
import { credentials } from './credentials.ts'
import type { Exchange } from './exchange.ts'
import { asObject, list, parseObject, text } from './json.ts'
import type { JsonObject } from './json.ts'
import { readRelated } from './multipart.ts'
import { token } from './oauth.ts'
import { Parts } from './parts.ts'
import { Refusal } from './refusal.ts'
import type { StandIn } from './stand-in.ts'
import { Tree } from './tree.ts'
import type { Item } from './tree.ts'

const API = 'api.box.com'
const UPLOAD = 'upload.box.com'
const CONTENT = /^\/api\/2\.0\/files\/(?:(\d+)\/)?content$/
const SESSIONS = /^\/api\/2\.0\/files\/(?:(\d+)\/)?upload_sessions$/
const SESSION = /^\/api\/2\.0\/files\/upload_sessions\/([^/]+)(?:\/(commit|parts))?$/
const PREFLIGHT = /^\/2\.0\/files\/(?:(\d+)\/)?content\/?$/
const ITEM = /^\/2\.0\/(files|folders)(?:\/(\d+)(?:\/(content|items|copy))?)?\/?$/
const PART_BYTES = 8 << 20
/** "Chunked uploads need 20 MB at least", https://developer.box.com/guides/uploads/chunked/. */
const LEAST_BYTES = 20_000_000

/** Box's content API, as https://developer.box.com/reference tells it. */
export function box(vault: Vault): StandIn {
  const newTree = (): Tree => new Tree({ id: n => n === 1 ? '0' : String(10_000_000 + n), sameNames: false })
  let tree = newTree()
  let sessions = new Map<string, Session>()

  const find = (id: string | undefined, kind?: 'files' | 'folders'): Item => {
    const item = tree.byId(id ?? '')
    if (item === undefined || kind !== undefined && (kind === 'files') !== (item.content !== null)) {
      throw new Refusal(404, 'not_found', 'Not Found')
    }
    return item
  }

  /** The folder that `parent.id` names, and that the name is free in it. */
  const place = (attributes: JsonObject): { folder: Item; name: string } => {
    const folder = find(text(asObject(attributes.parent), 'id'), 'folders')
    const name = text(attributes, 'name')
    if (name === undefined || name === '') throw new Refusal(400, 'bad_request', 'name is required')
    const there = tree.child(folder, name)
    if (there !== undefined) throw new NameInUse(there)
    return { folder, name }
  }

  const times = (attributes: JsonObject): { created: string | undefined; modified: string | undefined } =>
    ({ created: text(attributes, 'content_created_at'), modified: text(attributes, 'content_modified_at') })

  const store = (target: Item | undefined, attributes: JsonObject, content: Content): Item => {
    const { created, modified } = times(attributes)
    if (target !== undefined) return tree.replace(target, content, modified)
    const { folder, name } = place(attributes)
    return tree.add(folder, { name, content, created, modified })
  }

  const upload = async (exchange: Exchange, id: string | undefined): Promise<void> => {
    const target = id === undefined ? undefined : find(id, 'files')
    const form = await readRelated(exchange.header('content-type') ?? '', exchange.body())
    const writer = vault.writer({ sha1: true })
    await exchange.receive(writer, form.media)
    const item = store(target, parseObject(form.metadata), await writer.finish())
    await exchange.json(201, { total_count: 1, entries: [resource(item)] })
  }

  const start = async (exchange: Exchange, id: string | undefined): Promise<void> => {
    const body = await exchange.readJson()
    const size = Number(body.file_size)
    if (!Number.isSafeInteger(size)) throw new Refusal(400, 'bad_request', 'file_size is required')
    if (size < LEAST_BYTES) throw new Refusal(400, 'file_size_too_small', `file_size is below ${LEAST_BYTES}`)
    const attributes = { name: body.file_name, parent: { id: body.folder_id } }
    const target = id === undefined ? undefined : find(id, 'files')
    if (target === undefined) place(attributes)
    const session = { id: randomUUID().replaceAll('-', '').toUpperCase(), size, partBytes: PART_BYTES, attributes, target, parts: new Parts() }
    sessions.set(session.id, session)
    await exchange.json(201, sessionResource(session))
  }

  const part = async (exchange: Exchange, { size, parts }: Session): Promise<void> => {
    const range = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(exchange.header('content-range') ?? '')
    const [from, to, total] = [Number(range?.[1]), Number(range?.[2]), Number(range?.[3])]
    if (range === null || total !== size || from % PART_BYTES !== 0 || to !== Math.min(from + PART_BYTES, size) - 1) {
      throw new Refusal(416, 'invalid_range', `parts have ${PART_BYTES} bytes, the last one what is left`)
    }
    const writer = vault.writer({ sha1: true })
    await exchange.receive(writer)
    const content = await writer.finish()
    if (content.size !== to - from + 1) throw new Refusal(400, 'invalid_range', 'the body does not fill its range')
    checkDigest(exchange, content)
    await parts.put(String(from), content)
    await exchange.json(200, { part: partOf(from, content) })
  }

  const commit = async (exchange: Exchange, session: Session): Promise<void> => {
    const body = await exchange.readJson()
    const offsets = list(body, 'parts').map(each => Number(asObject(each).offset)).sort((a, b) => a - b)
    const whole = offsets.length === Math.ceil(session.size / PART_BYTES) &&
      offsets.every((offset, i) => offset === i * PART_BYTES && session.parts.get(String(offset)) !== undefined)
    if (!whole) throw new Refusal(400, 'parts_mismatch', 'the parts do not make the file')
    const content = await session.parts.join(vault, offsets.map(String), { sha1: true })
    checkDigest(exchange, content)
    sessions.delete(session.id)
    const item = store(session.target, { ...session.attributes, ...asObject(body.attributes) }, content)
    await exchange.json(201, { total_count: 1, entries: [resource(item)] })
  }

  const inSession = async (exchange: Exchange, id: string, action: string | undefined): Promise<void> => {
    const session = sessions.get(id)
    if (session === undefined) throw new Refusal(404, 'not_found', 'there is no such upload session')
    switch (`${exchange.record.method} ${action ?? ''}`) {
      case 'PUT ': return part(exchange, session)
      case 'POST commit': return commit(exchange, session)
      case 'GET ': return exchange.json(200, sessionResource(session))
      case 'GET parts': {
        const entries = session.parts.names().flatMap(name => {
          const content = session.parts.get(name)
          return content === undefined ? [] : [partOf(Number(name), content)]
        })
        return exchange.json(200, { entries, offset: 0, limit: 1000, total_count: entries.length })
      }
      case 'DELETE ':
        sessions.delete(id)
        await session.parts.drop()
        return exchange.empty(204)
      default: throw new Refusal(405, 'method_not_allowed', 'Method Not Allowed')
    }
  }

  const items = async (exchange: Exchange, kind: 'files' | 'folders', id: string | undefined, action = ''): Promise<void> => {
    const { method } = exchange.record
    if (id === undefined) {
      if (method !== 'POST' || kind !== 'folders') throw new Refusal(405, 'method_not_allowed', 'Method Not Allowed')
      const { folder, name } = place(await exchange.readJson())
      return exchange.json(201, resource(tree.add(folder, { name })))
    }
    const item = find(id, kind)
    switch (`${method} ${action}`) {
      case 'GET ': return exchange.json(200, resource(item))
      case 'GET items': {
        const entries = [...item.kids.values()].map(resource)
        return exchange.json(200, { total_count: entries.length, entries, offset: 0, limit: 1000 })
      }
      case 'GET content': return exchange.sendContent(item.content ?? await vault.writer().finish(), {})
      case 'POST copy': {
        const { folder, name } = place({ name: item.name, ...await exchange.readJson() })
        return exchange.json(201, resource(tree.copy(item, folder, name)))
      }
      case 'PUT ': return exchange.json(200, resource(change(item, await exchange.readJson())))
      case 'DELETE ':
        tree.remove(item)
        return exchange.empty(204)
      default: throw new Refusal(405, 'method_not_allowed', 'Method Not Allowed')
    }
  }

  const change = (item: Item, body: JsonObject): Item => {
    const { created, modified } = times(body)
    item.created = created ?? item.created
    item.modified = modified ?? item.modified
    const to = text(asObject(body.parent), 'id')
    const folder = to === undefined ? item.parent : find(to, 'folders')
    return folder === null ? item : tree.move(item, folder, text(body, 'name') ?? item.name)
  }

  const handle = async (exchange: Exchange): Promise<void> => {
    const { host, method, path } = exchange.record
    if (/^\/(?:api\/)?oauth2\/token$/.test(path)) return exchange.json(200, token())
    if (credentials(exchange) !== 'shown') {
      return exchange.empty(401, { 'www-authenticate': 'Bearer realm="Service", error="invalid_token"' })
    }
    const asked = host === API && method === 'OPTIONS' ? PREFLIGHT.exec(path) : null
    if (asked !== null) {
      const body = await exchange.readJson()
      if (asked[1] === undefined) place(body)
      else find(asked[1], 'files')
      return exchange.json(200, { upload_url: `https://${UPLOAD}/api/2.0/files/content`, upload_token: null })
    }
    if (host === UPLOAD) {
      const content = CONTENT.exec(path)
      if (content !== null && method === 'POST') return upload(exchange, content[1])
      const starts = SESSIONS.exec(path)
      if (starts !== null && method === 'POST') return start(exchange, starts[1])
      const session = SESSION.exec(path)
      if (session !== null) return inSession(exchange, session[1] ?? '', session[2])
    }
    const item = host === API ? ITEM.exec(path) : null
    if (item !== null) return items(exchange, item[1] === 'files' ? 'files' : 'folders', item[2], item[3])
    if (path === '/2.0/users/me') return exchange.json(200, { type: 'user', id: '1', login: 'fay@contoso.example', space_amount: 1e12, space_used: 0 })
    throw new Refusal(404, 'not_found', `the stand-in has no ${path}`)
  }

  return {
    hosts: [API, UPLOAD, 'account.box.com'],
    carriesContent: (method, path) => method === 'POST' && CONTENT.test(path) || method === 'PUT' && SESSION.test(path),
    handle: async exchange => {
      try {
        await handle(exchange)
      } catch (error) {
        await sendBoxError(exchange, error)
      }
    },
    stored: () => [...tree.items()].flatMap(item => item.content === null ? [] : [{
      provider: 'box' as const, path: tree.pathOf(item), name: item.name, size: item.content.size, sha256: item.content.sha256,
    }]),
    reset: () => {
      tree = newTree()
      sessions = new Map()
    },
  }
}

function partOf(offset: number, content: Content): JsonObject {
  return { part_id: offset.toString(16).padStart(8, '0').toUpperCase(), offset, size: content.size, sha1: content.sha1 }
}

function checkDigest(exchange: Exchange, content: Content): void {
  const claimed = /^sha=(.+)$/i.exec(exchange.header('digest') ?? '')?.[1]
  if (claimed === undefined || Buffer.from(claimed, 'base64').toString('hex') !== content.sha1) {
    throw new Refusal(400, 'bad_digest', 'Digest: sha= is missing or does not match')
  }
}
