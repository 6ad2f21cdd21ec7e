import { randomUUID } from 'node:crypto'
import { accessOf } from './access.ts'
import type { Access } from './access.ts'
import { AccountRoots } from './account-roots.ts'
import { SHARED } from './accounts.ts'
import { NameInUse, resource, sendBoxError, sessionResource, userResource } from './box-resources.ts'
import type { Session } from './box-resources.ts'
import type { Content, Vault } from './content.ts'
import type { Exchange } from './exchange.ts'
import { asObject, list, parseObject, text } from './json.ts'
import type { JsonObject } from './json.ts'
import { readRelated } from './multipart.ts'
import { answerTokenRequest } from './oauth.ts'
import { Parts } from './parts.ts'
import { Refusal } from './refusal.ts'
import type { StandIn } from './stand-in.ts'
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
  const newRoots = (): AccountRoots => new AccountRoots({ id: n => n === 1 ? '0' : String(10_000_000 + n), sameNames: false }, SHARED.box)
  let roots = newRoots()
  let sessions = new Map<string, Session>()

  const find = (access: Access, id: string | undefined, kind?: 'files' | 'folders'): Item => {
    const item = id === '0' ? roots.root(access.account) : roots.tree.byId(id ?? '')
    const isKind = item === undefined || kind === undefined || (kind === 'files') === (item.content !== null)
    if (item === undefined || !isKind || !roots.reaches(access, item)) throw new Refusal(404, 'not_found', 'Not Found')
    return item
  }

  const told = (access: Access, item: Item): JsonObject => resource(roots, access, item)
  const entry = (access: Access, item: Item): JsonObject => ({ total_count: 1, entries: [told(access, item)] })

  /** The folder that `parent.id` names, and that the name is free in it. */
  const place = (access: Access, attributes: JsonObject): { folder: Item; name: string } => {
    const folder = find(access, text(asObject(attributes.parent), 'id'), 'folders')
    const name = text(attributes, 'name')
    if (name === undefined || name === '') throw new Refusal(400, 'bad_request', 'name is required')
    const there = roots.tree.child(folder, name)
    if (there !== undefined) throw new NameInUse(told(access, there))
    return { folder, name }
  }

  const times = (attributes: JsonObject): { created: string | undefined; modified: string | undefined } =>
    ({ created: text(attributes, 'content_created_at'), modified: text(attributes, 'content_modified_at') })

  const store = (access: Access, target: Item | undefined, attributes: JsonObject, content: Content): Item => {
    const { created, modified } = times(attributes)
    if (target !== undefined) return roots.tree.replace(target, content, modified)
    const { folder, name } = place(access, attributes)
    return roots.tree.add(folder, { name, content, created, modified })
  }

  const upload = async (exchange: Exchange, access: Access, id: string | undefined): Promise<void> => {
    const target = id === undefined ? undefined : find(access, id, 'files')
    const form = await readRelated(exchange.header('content-type') ?? '', exchange.body())
    const writer = vault.writer({ sha1: true })
    await exchange.receive(writer, form.media)
    const item = store(access, target, parseObject(form.metadata), await writer.finish())
    await exchange.json(201, entry(access, item))
  }

  const start = async (exchange: Exchange, access: Access, fileId: string | undefined): Promise<void> => {
    const body = await exchange.readJson()
    const size = Number(body.file_size)
    if (!Number.isSafeInteger(size)) throw new Refusal(400, 'bad_request', 'file_size is required')
    if (size < LEAST_BYTES) throw new Refusal(400, 'file_size_too_small', `file_size is below ${LEAST_BYTES}`)
    const attributes = { name: body.file_name, parent: { id: body.folder_id } }
    const target = fileId === undefined ? undefined : find(access, fileId, 'files')
    if (target === undefined) place(access, attributes)
    const id = randomUUID().replaceAll('-', '').toUpperCase()
    const session = { id, access, size, partBytes: PART_BYTES, attributes, target, parts: new Parts() }
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
    const { access } = session
    const item = store(access, session.target, { ...session.attributes, ...asObject(body.attributes) }, content)
    await exchange.json(201, entry(access, item))
  }

  const inSession = async (exchange: Exchange, access: Access, id: string, action: string | undefined): Promise<void> => {
    const session = sessions.get(id)
    if (session?.access.account !== access.account) throw new Refusal(404, 'not_found', 'there is no such upload session')
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

  const items = async (
    exchange: Exchange, access: Access, kind: 'files' | 'folders', id: string | undefined, action = '',
  ): Promise<void> => {
    const { method } = exchange.record
    if (id === undefined) {
      if (method !== 'POST' || kind !== 'folders') throw new Refusal(405, 'method_not_allowed', 'Method Not Allowed')
      const { folder, name } = place(access, await exchange.readJson())
      return exchange.json(201, told(access, roots.tree.add(folder, { name })))
    }
    const item = find(access, id, kind)
    switch (`${method} ${action}`) {
      case 'GET ': return exchange.json(200, told(access, item))
      case 'GET items': {
        const shared = item === roots.root(access.account) && roots.sees(access) ? [roots.shared] : []
        const entries = [...item.kids.values(), ...shared].map(each => told(access, each))
        return exchange.json(200, { total_count: entries.length, entries, offset: 0, limit: 1000 })
      }
      case 'GET content': return exchange.sendContent(item.content ?? await vault.writer().finish(), {})
      case 'POST copy': {
        const { folder, name } = place(access, { name: item.name, ...await exchange.readJson() })
        return exchange.json(201, told(access, roots.tree.copy(item, folder, name)))
      }
      case 'PUT ': return exchange.json(200, told(access, change(access, item, await exchange.readJson())))
      case 'DELETE ':
        roots.tree.remove(item)
        return exchange.empty(204)
      default: throw new Refusal(405, 'method_not_allowed', 'Method Not Allowed')
    }
  }

  const change = (access: Access, item: Item, body: JsonObject): Item => {
    const { created, modified } = times(body)
    item.created = created ?? item.created
    item.modified = modified ?? item.modified
    const to = text(asObject(body.parent), 'id')
    const folder = to === undefined ? item.parent : find(access, to, 'folders')
    return folder === null ? item : roots.tree.move(item, folder, text(body, 'name') ?? item.name)
  }

  const handle = async (exchange: Exchange): Promise<void> => {
    const { host, method, path } = exchange.record
    if (/^\/(?:api\/)?oauth2\/token$/.test(path)) return answerTokenRequest(exchange, 'box')
    const access = accessOf(exchange, 'box', { requireCredentials: true })
    if (access === undefined) {
      return exchange.empty(401, { 'www-authenticate': 'Bearer realm="Service", error="invalid_token"' })
    }
    const asked = host === API && method === 'OPTIONS' ? PREFLIGHT.exec(path) : null
    if (asked !== null) {
      const body = await exchange.readJson()
      if (asked[1] === undefined) place(access, body)
      else find(access, asked[1], 'files')
      return exchange.json(200, { upload_url: `https://${UPLOAD}/api/2.0/files/content`, upload_token: null })
    }
    if (host === UPLOAD) {
      const content = CONTENT.exec(path)
      if (content !== null && method === 'POST') return upload(exchange, access, content[1])
      const starts = SESSIONS.exec(path)
      if (starts !== null && method === 'POST') return start(exchange, access, starts[1])
      const session = SESSION.exec(path)
      if (session !== null) return inSession(exchange, access, session[1] ?? '', session[2])
    }
    const item = host === API ? ITEM.exec(path) : null
    if (item !== null) return items(exchange, access, item[1] === 'files' ? 'files' : 'folders', item[2], item[3])
    if (path === '/2.0/users/me') return exchange.json(200, userResource(access.account, exchange.query.get('fields')))
    throw new Refusal(404, 'not_found', `the stand-in has no ${path}`)
  }

  return {
    hosts: [API, UPLOAD, 'account.box.com', 'app.box.com'],
    carriesContent: (method, path) => method === 'POST' && CONTENT.test(path) || method === 'PUT' && SESSION.test(path),
    handle: async exchange => {
      try {
        await handle(exchange)
      } catch (error) {
        await sendBoxError(exchange, error)
      }
    },
    stored: () => roots.stored('box'),
    reset: () => {
      roots = newRoots()
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
