import { randomUUID } from 'node:crypto'
import { compileQuery } from './drive-query.ts'
import type { Content, ContentWriter, Vault } from './content.ts'
import type { Exchange } from './exchange.ts'
import { list, parseObject, text } from './json.ts'
import type { JsonObject } from './json.ts'
import { readRelated } from './multipart.ts'
import { token } from './oauth.ts'
import type { StandIn } from './stand-in.ts'
import { Tree } from './tree.ts'
import type { Item, NewItem } from './tree.ts'

const HOST = 'www.googleapis.com'
const UPLOAD = /^\/(?:resumable\/)?upload\/drive\/v[23]\/files(?:\/([^/]+))?$/
const FILES = /^\/drive\/v[23]\/files(?:\/([^/]+)(?:\/(copy|permissions))?)?$/
const FOLDER = 'application/vnd.google-apps.folder'

interface Session {
  readonly writer: ContentWriter
  readonly metadata: JsonObject
  readonly mediaType: string | undefined
  /** The file that is replaced; undefined for a new one. */
  readonly target: Item | undefined
}

class DriveError extends Error {
  override readonly name = 'DriveError'
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** Google Drive v3: metadata, media, multipart and resumable uploads, downloads. */
export function drive(vault: Vault): StandIn {
  const newTree = (): Tree => new Tree({ id: n => `1FAKEdrive${String(n).padStart(6, '0')}`, sameNames: true })
  let tree = newTree()
  let sessions = new Map<string, Session>()

  const find = (id: string): Item => {
    const item = id === 'root' ? tree.root : tree.byId(decodeURIComponent(id))
    if (item === undefined) throw new DriveError(404, `File not found: ${id}.`)
    return item
  }

  const parentOf = (metadata: JsonObject): Item => {
    const id = list(metadata, 'parents')[0]
    return typeof id === 'string' ? find(id) : tree.root
  }

  const create = (metadata: JsonObject, more: Partial<NewItem> = {}): Item => tree.add(parentOf(metadata), {
    name: text(metadata, 'name') ?? 'Untitled',
    mimeType: text(metadata, 'mimeType') ?? 'application/octet-stream',
    created: text(metadata, 'createdTime'),
    modified: text(metadata, 'modifiedTime'),
    ...more,
  })

  /** Stores a content as a new file, or in the place of the one that is updated. */
  const store = (target: Item | undefined, metadata: JsonObject, content: Content, mediaType: string | undefined): Item => {
    const mimeType = text(metadata, 'mimeType') ?? mediaType
    if (target === undefined) return create(metadata, { content, mimeType })
    tree.replace(target, content, text(metadata, 'modifiedTime'))
    return change(target, metadata)
  }

  const change = (item: Item, metadata: JsonObject): Item => {
    item.modified = text(metadata, 'modifiedTime') ?? item.modified
    item.mimeType = text(metadata, 'mimeType') ?? item.mimeType
    item.trashed = typeof metadata.trashed === 'boolean' ? metadata.trashed : item.trashed
    const name = text(metadata, 'name')
    if (name !== undefined && item.parent !== null) tree.move(item, item.parent, name)
    return item
  }

  const receive = async (exchange: Exchange, source?: AsyncIterable<Buffer>): Promise<Content> => {
    const writer = vault.writer({ md5: true })
    await exchange.receive(writer, source)
    return writer.finish()
  }

  const upload = async (exchange: Exchange, id: string | undefined): Promise<void> => {
    const uploadId = exchange.query.get('upload_id')
    if (uploadId !== null) return chunk(exchange, uploadId)
    const target = id === undefined ? undefined : find(id)
    const mediaType = exchange.header('content-type')
    switch (exchange.query.get('uploadType')) {
      case 'media':
        return exchange.json(200, resource(store(target, {}, await receive(exchange), mediaType)))
      case 'multipart': {
        const related = await readRelated(mediaType ?? '', exchange.body())
        const metadata = parseObject(related.metadata)
        return exchange.json(200, resource(store(target, metadata, await receive(exchange, related.media), related.mediaType)))
      }
      case 'resumable':
        return start(exchange, target)
      default:
        throw new DriveError(400, 'uploadType must be media, multipart or resumable')
    }
  }

  const start = async (exchange: Exchange, target: Item | undefined): Promise<void> => {
    const metadata = await exchange.readJson()
    const id = `FAKE_upload_${randomUUID().replaceAll('-', '')}`
    const mediaType = exchange.header('x-upload-content-type')
    sessions.set(id, { writer: vault.writer({ md5: true }), metadata, mediaType, target })
    const location = `https://${HOST}${exchange.record.path}?uploadType=resumable&upload_id=${id}`
    await exchange.empty(200, { location, 'x-guploader-uploadid': id })
  }

  /** One request of a session, RFC 9110 Content-Range: a chunk, all of it, or a question how far it is. */
  const chunk = async (exchange: Exchange, id: string): Promise<void> => {
    const session = sessions.get(id)
    if (session === undefined) throw new DriveError(404, 'there is no such upload session')
    const { writer } = session
    if (exchange.record.method === 'DELETE') {
      sessions.delete(id)
      await writer.discard()
      return exchange.empty(499)
    }
    const range = exchange.header('content-range')
    const parsed = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/.exec(range ?? '')
    if (range !== undefined && parsed === null) throw new DriveError(400, 'Content-Range is malformed')
    if (parsed?.[1] !== undefined && Number(parsed[1]) !== writer.size) {
      throw new DriveError(503, `the session has ${writer.size} bytes`)
    }
    await exchange.receive(writer)
    if (parsed !== null && parsed[3] !== String(writer.size)) {
      const so: Readonly<Record<string, string>> = writer.size === 0 ? {} : { range: `bytes=0-${writer.size - 1}` }
      return exchange.empty(308, { 'x-guploader-uploadid': id, ...so })
    }
    sessions.delete(id)
    await exchange.json(200, resource(store(session.target, session.metadata, await writer.finish(), session.mediaType)))
  }

  const files = async (exchange: Exchange, id: string | undefined, action: string | undefined): Promise<void> => {
    const { method } = exchange.record
    if (id === undefined) {
      if (method === 'POST') return exchange.json(200, resource(create(await exchange.readJson())))
      const test = compileQuery(exchange.query.get('q') ?? '', (item, name) => field(tree, item, name))
      const found = [...tree.items()].filter(item => item !== tree.root && test(item))
      return exchange.json(200, { kind: 'drive#fileList', incompleteSearch: false, files: found.map(resource) })
    }
    const item = find(id)
    if (action === 'permissions') return exchange.json(200, { kind: 'drive#permission', id: 'anyoneWithLink', type: 'anyone', role: 'reader' })
    if (action === 'copy') {
      const metadata = await exchange.readJson()
      const parent = metadata.parents === undefined ? item.parent ?? tree.root : parentOf(metadata)
      return exchange.json(200, resource(change(tree.copy(item, parent, text(metadata, 'name') ?? item.name), metadata)))
    }
    if (method === 'DELETE') {
      tree.remove(item)
      return exchange.empty(204)
    }
    if (method === 'PATCH') {
      const changed = change(item, await exchange.readJson())
      const to = exchange.query.get('addParents')
      return exchange.json(200, resource(to === null ? changed : tree.move(changed, find(to), changed.name)))
    }
    if (exchange.query.get('alt') !== 'media') return exchange.json(200, resource(item))
    if (item.content === null) throw new DriveError(403, 'Only files with binary content can be downloaded.')
    await exchange.sendContent(item.content, { 'content-type': item.mimeType ?? 'application/octet-stream' })
  }

  const handle = async (exchange: Exchange): Promise<void> => {
    const { path } = exchange.record
    const upTo = UPLOAD.exec(path)
    if (upTo !== null) return upload(exchange, upTo[1])
    const file = FILES.exec(path)
    if (file !== null) return files(exchange, file[1], file[2])
    const fixed = FIXED[path]
    if (fixed === undefined) throw new DriveError(404, `the stand-in has no ${path}`)
    await exchange.json(200, fixed())
  }

  return {
    hosts: [HOST],
    carriesContent: (_method, path) => UPLOAD.test(path),
    handle: async exchange => {
      try {
        await handle(exchange)
      } catch (error) {
        if (!(error instanceof DriveError || error instanceof SyntaxError)) throw error
        const code = error instanceof DriveError ? error.status : 400
        const errors = [{ domain: 'global', reason: code === 404 ? 'notFound' : 'badRequest', message: error.message }]
        await exchange.json(code, { error: { code, message: error.message, errors } })
      }
    },
    stored: () => [...tree.items()].flatMap(item => item.content === null || item.trashed ? [] : [{
      provider: 'google-drive' as const, path: tree.pathOf(item), name: item.name,
      size: item.content.size, sha256: item.content.sha256,
    }]),
    reset: () => {
      tree = newTree()
      sessions = new Map()
    },
  }
}

const FIXED: Readonly<Record<string, () => JsonObject>> = {
  '/drive/v3/about': () => ({
    kind: 'drive#about',
    user: { displayName: 'Fay Example', emailAddress: 'fay@contoso.example', permissionId: '1' },
    storageQuota: { limit: '1000000000000', usage: '0', usageInDrive: '0', usageInDriveTrash: '0' },
  }),
  '/drive/v3/drives': () => ({ kind: 'drive#driveList', drives: [] }),
  '/drive/v3/changes/startPageToken': () => ({ kind: 'drive#startPageToken', startPageToken: '1' }),
  '/oauth2/v4/token': token,
}

function resource(item: Item): JsonObject {
  const common = {
    kind: 'drive#file', id: item.id, name: item.parent === null ? 'My Drive' : item.name,
    mimeType: item.content === null ? item.parent === null ? FOLDER : item.mimeType : item.mimeType ?? 'application/octet-stream',
    createdTime: item.created, modifiedTime: item.modified, trashed: item.trashed, explicitlyTrashed: item.trashed,
    parents: item.parent === null ? [] : [item.parent.id],
  }
  if (item.content === null) return common
  return {
    ...common, size: String(item.content.size), md5Checksum: item.content.md5, sha256Checksum: item.content.sha256,
    webViewLink: `https://drive.google.com/file/d/${item.id}/view`,
  }
}

function field(tree: Tree, item: Item, name: string): string | readonly string[] | boolean | undefined {
  switch (name) {
    case 'name': return item.name
    case 'mimeType': return item.mimeType
    case 'trashed': return item.trashed
    case 'sharedWithMe': return false
    case 'parents': return item.parent === null ? [] : item.parent === tree.root ? [item.parent.id, 'root'] : [item.parent.id]
    default: throw new SyntaxError(`q: the stand-in does not know the field "${name}"`)
  }
}
