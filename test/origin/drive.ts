import { compileQuery } from './drive-query.ts'
import type { Content, Vault } from './content.ts'
import { lacksCredentials } from './credentials.ts'
import type { Exchange } from './exchange.ts'
import { ResumableUploads } from './google-resumable.ts'
import { list, parseObject, text } from './json.ts'
import type { JsonObject } from './json.ts'
import { readRelated } from './multipart.ts'
import { token } from './oauth.ts'
import { Refusal } from './refusal.ts'
import type { StandIn, StandInOptions } from './stand-in.ts'
import { Tree } from './tree.ts'
import type { Item, NewItem } from './tree.ts'

/** The interface, the one that the web page uses, and the page. */
const HOSTS = ['www.googleapis.com', 'clients6.google.com', 'drive.google.com', 'content.googleapis.com']
/** The page's own interface is `v2internal`. */
const UPLOAD = /^\/(?:resumable\/)?upload\/drive\/v(?:[23]|2internal)\/files(?:\/([^/]+))?$/
const FILES = /^\/drive\/v[23]\/files(?:\/([^/]+)(?:\/(copy|permissions))?)?$/
const TOKEN = '/oauth2/v4/token'
const FOLDER = 'application/vnd.google-apps.folder'

interface Target {
  /** The file that is replaced; undefined for a new one. */
  readonly item: Item | undefined
  readonly metadata: JsonObject
  readonly mediaType: string | undefined
}

/** Google Drive v3: metadata, media, multipart and resumable uploads, downloads. */
export function drive(vault: Vault, options: StandInOptions = {}): StandIn {
  const newTree = (): Tree => new Tree({ id: n => `1FAKEdrive${String(n).padStart(6, '0')}`, sameNames: true })
  let tree = newTree()
  const resumable = new ResumableUploads<Target>()

  const find = (id: string): Item => {
    const item = id === 'root' ? tree.root : tree.byId(decodeURIComponent(id))
    if (item === undefined) throw new Refusal(404, 'notFound', `File not found: ${id}.`)
    return item
  }

  const parentOf = (metadata: JsonObject): Item => {
    const id = list(metadata, 'parents')[0]
    return typeof id === 'string' ? find(id) : tree.root
  }

  const create = (metadata: JsonObject, more: Partial<NewItem> = {}): Item => tree.add(parentOf(metadata), {
    name: text(metadata, 'name') ?? text(metadata, 'title') ?? 'Untitled',
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
    if (uploadId !== null) return proceed(exchange, uploadId)
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
        throw new Refusal(400, 'badRequest', 'uploadType must be media, multipart or resumable')
    }
  }

  const start = async (exchange: Exchange, item: Item | undefined): Promise<void> => {
    const metadata = await exchange.readJson()
    const mediaType = exchange.header('x-upload-content-type')
    const id = resumable.start(exchange, { item, metadata, mediaType }, vault.writer({ md5: true }))
    const location = `https://${exchange.record.host}${exchange.record.path}?uploadType=resumable&upload_id=${id}`
    await exchange.empty(200, { location, 'x-guploader-uploadid': id })
  }

  const proceed = async (exchange: Exchange, id: string): Promise<void> => {
    const done = await resumable.proceed(exchange, id)
    if (done === null) return
    const { target: { item, metadata, mediaType }, content, again } = done
    const made = again ? [...tree.items()].find(each => each.content === content) : store(item, metadata, content, mediaType)
    if (made === undefined) throw new Refusal(404, 'notFound', 'the file of this upload session is gone')
    await exchange.json(200, resource(made))
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
    if (item.content === null) throw new Refusal(403, 'fileNotDownloadable', 'Only files with binary content can be downloaded.')
    await exchange.sendContent(item.content, { 'content-type': item.mimeType ?? 'application/octet-stream' })
  }

  const handle = async (exchange: Exchange): Promise<void> => {
    const { path } = exchange.record
    // The address of a session stands for the credentials; tokens are got without any.
    if (!exchange.query.has('upload_id') && path !== TOKEN && lacksCredentials(exchange, options)) {
      throw new Refusal(401, 'authError', 'Invalid Credentials', { 'www-authenticate': 'Bearer realm="https://accounts.google.com/"' })
    }
    const upTo = UPLOAD.exec(path)
    if (upTo !== null) return upload(exchange, upTo[1])
    const file = FILES.exec(path)
    if (file !== null) return files(exchange, file[1], file[2])
    const fixed = FIXED[path]
    if (fixed === undefined) throw new Refusal(404, 'notFound', `the stand-in has no ${path}`)
    await exchange.json(200, fixed())
  }

  return {
    hosts: HOSTS,
    carriesContent: (_method, path) => UPLOAD.test(path),
    handle: async exchange => {
      try {
        await handle(exchange)
      } catch (error) {
        const refusal = error instanceof SyntaxError ? new Refusal(400, 'badRequest', error.message) : error
        if (!(refusal instanceof Refusal)) throw error
        const { status, code, message, headers } = refusal
        await exchange.json(status, { error: { code: status, message, errors: [{ domain: 'global', reason: code, message }] } }, headers)
      }
    },
    stored: () => [...tree.items()].flatMap(item => item.content === null || item.trashed ? [] : [{
      provider: 'google-drive' as const, path: tree.pathOf(item), name: item.name,
      size: item.content.size, sha256: item.content.sha256,
    }]),
    reset: () => {
      tree = newTree()
      resumable.reset()
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
  [TOKEN]: token,
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
