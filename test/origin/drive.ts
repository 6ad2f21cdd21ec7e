import { accessOf } from './access.ts'
import type { Access } from './access.ts'
import { AccountRoots } from './account-roots.ts'
import { SHARED } from './accounts.ts'
import type { Content, Vault } from './content.ts'
import { selectFields } from './drive-fields.ts'
import { compileQuery } from './drive-query.ts'
import { about, DriveResources } from './drive-resources.ts'
import type { Exchange } from './exchange.ts'
import { ResumableUploads } from './google-resumable.ts'
import { asObject, list, parseObject, text } from './json.ts'
import type { JsonObject } from './json.ts'
import { readRelated } from './multipart.ts'
import { answerTokenRequest } from './oauth.ts'
import { Refusal } from './refusal.ts'
import { keySet } from './signed-tokens.ts'
import type { StandIn, StandInOptions } from './stand-in.ts'
import type { Item, NewItem } from './tree.ts'

/** The interface, the one that the web page uses, and the page. */
const HOSTS = ['www.googleapis.com', 'clients6.google.com', 'drive.google.com', 'content.googleapis.com']
/** The page's own interface is `v2internal`. */
const UPLOAD = /^\/(?:resumable\/)?upload\/drive\/v(?:[23]|2internal)\/files(?:\/([^/]+))?$/
const FILES = /^\/drive\/v[23]\/files(?:\/([^/]+)(?:\/(copy|permissions))?)?$/
const TOKEN = '/oauth2/v4/token'
/** `jwks_uri` of https://accounts.google.com/.well-known/openid-configuration. */
const KEYS = '/oauth2/v3/certs'

interface Target {
  readonly access: Access
  /** The file that is replaced; undefined for a new one. */
  readonly item: Item | undefined
  readonly metadata: JsonObject
  readonly mediaType: string | undefined
}

/** Google Drive v3: metadata, media, multipart and resumable uploads, downloads. */
export function drive(vault: Vault, options: StandInOptions = {}): StandIn {
  const ids = (n: number): string => `1FAKEdrive${String(n).padStart(6, '0')}`
  const newRoots = (): AccountRoots => new AccountRoots({ id: ids, sameNames: true }, SHARED.google)
  let roots = newRoots()
  let resources = new DriveResources(roots)
  const resumable = new ResumableUploads<Target>()

  const find = (access: Access, id: string): Item => {
    const item = id === 'root' ? roots.root(access.account) : roots.tree.byId(decodeURIComponent(id))
    if (item === undefined || !roots.reaches(access, item)) throw new Refusal(404, 'notFound', `File not found: ${id}.`)
    return item
  }

  const parentOf = (access: Access, metadata: JsonObject): Item => {
    const first = list(metadata, 'parents')[0]
    // Version 2 names parents by objects.
    const id = typeof first === 'string' ? first : text(asObject(first), 'id')
    return id === undefined ? roots.root(access.account) : find(access, id)
  }

  const answer = (exchange: Exchange, access: Access, item: Item): Promise<void> =>
    exchange.json(200, selectFields(resources.resource(access, item), exchange.query.get('fields')))

  const create = (access: Access, metadata: JsonObject, more: Partial<NewItem> = {}): Item => {
    const item = roots.tree.add(parentOf(access, metadata), {
      name: text(metadata, 'name') ?? text(metadata, 'title') ?? 'Untitled',
      mimeType: text(metadata, 'mimeType') ?? 'application/octet-stream',
      created: text(metadata, 'createdTime'),
      modified: text(metadata, 'modifiedTime'),
      ...more,
    })
    return resources.madeBy(item, access.account)
  }

  /** Stores a content as a new file, or in the place of the one that is updated. */
  const store = ({ access, item, metadata, mediaType }: Target, content: Content): Item => {
    const mimeType = text(metadata, 'mimeType') ?? mediaType
    if (item === undefined) return create(access, metadata, { content, mimeType })
    roots.tree.replace(item, content, text(metadata, 'modifiedTime'))
    return change(item, metadata)
  }

  const change = (item: Item, metadata: JsonObject): Item => {
    item.modified = text(metadata, 'modifiedTime') ?? item.modified
    item.mimeType = text(metadata, 'mimeType') ?? item.mimeType
    item.trashed = typeof metadata.trashed === 'boolean' ? metadata.trashed : item.trashed
    const name = text(metadata, 'name')
    if (name !== undefined && item.parent !== null) roots.tree.move(item, item.parent, name)
    return item
  }

  const receive = async (exchange: Exchange, source?: AsyncIterable<Buffer>): Promise<Content> => {
    const writer = vault.writer({ md5: true })
    await exchange.receive(writer, source)
    return writer.finish()
  }

  const upload = async (exchange: Exchange, id: string | undefined): Promise<void> => {
    const uploadId = exchange.query.get('upload_id')
    // The address of a session stands for the credentials.
    if (uploadId !== null) return proceed(exchange, uploadId)
    const access = accessFor(exchange)
    const item = id === undefined ? undefined : find(access, id)
    const mediaType = exchange.header('content-type')
    switch (exchange.query.get('uploadType')) {
      case 'media':
        return answer(exchange, access, store({ access, item, metadata: {}, mediaType }, await receive(exchange)))
      case 'multipart': {
        const related = await readRelated(mediaType ?? '', exchange.body())
        const metadata = parseObject(related.metadata)
        const target = { access, item, metadata, mediaType: related.mediaType }
        return answer(exchange, access, store(target, await receive(exchange, related.media)))
      }
      case 'resumable':
        return start(exchange, access, item)
      default:
        throw new Refusal(400, 'badRequest', 'uploadType must be media, multipart or resumable')
    }
  }

  const start = async (exchange: Exchange, access: Access, item: Item | undefined): Promise<void> => {
    const metadata = await exchange.readJson()
    if (item === undefined) parentOf(access, metadata)
    const mediaType = exchange.header('x-upload-content-type')
    const id = resumable.start(exchange, { access, item, metadata, mediaType }, vault.writer({ md5: true }))
    const fields = exchange.query.get('fields')
    const location = `https://${exchange.record.host}${exchange.record.path}?uploadType=resumable&upload_id=${id}` +
      (fields === null ? '' : `&fields=${encodeURIComponent(fields)}`)
    await exchange.empty(200, { location, 'x-guploader-uploadid': id })
  }

  const proceed = async (exchange: Exchange, id: string): Promise<void> => {
    const done = await resumable.proceed(exchange, id)
    if (done === null) return
    const { target, content, again } = done
    const made = again ? [...roots.tree.items()].find(each => each.content === content) : store(target, content)
    if (made === undefined) throw new Refusal(404, 'notFound', 'the file of this upload session is gone')
    await answer(exchange, target.access, made)
  }

  const search = (access: Access, query: string): readonly Item[] => {
    const test = compileQuery(query, (item, name) => resources.field(access, item, name))
    const seen = (item: Item): boolean => roots.ownerOf(item) === access.account || roots.sees(access) && roots.reaches(access, item)
    return [...roots.tree.items()].filter(item => item.parent !== null && seen(item) && test(item))
  }

  const files = async (exchange: Exchange, access: Access, id: string | undefined, action: string | undefined): Promise<void> => {
    const { method } = exchange.record
    if (id === undefined) {
      if (method === 'POST') return answer(exchange, access, create(access, await exchange.readJson()))
      const files = search(access, exchange.query.get('q') ?? '').map(item => resources.resource(access, item))
      const found = { kind: 'drive#fileList', incompleteSearch: false, files }
      return exchange.json(200, selectFields(found, exchange.query.get('fields')))
    }
    const item = find(access, id)
    if (action === 'permissions') {
      return exchange.json(200, { kind: 'drive#permission', id: 'anyoneWithLink', type: 'anyone', role: 'reader' })
    }
    if (action === 'copy') {
      const metadata = await exchange.readJson()
      const parent = metadata.parents === undefined ? item.parent ?? roots.root(access.account) : parentOf(access, metadata)
      const made = resources.madeBy(roots.tree.copy(item, parent, text(metadata, 'name') ?? item.name), access.account)
      return answer(exchange, access, change(made, metadata))
    }
    if (method === 'DELETE') {
      roots.tree.remove(item)
      return exchange.empty(204)
    }
    if (method === 'PATCH') {
      const changed = change(item, await exchange.readJson())
      const to = exchange.query.get('addParents')
      return answer(exchange, access, to === null ? changed : roots.tree.move(changed, find(access, to), changed.name))
    }
    if (exchange.query.get('alt') !== 'media') return answer(exchange, access, item)
    if (item.content === null) throw new Refusal(403, 'fileNotDownloadable', 'Only files with binary content can be downloaded.')
    await exchange.sendContent(item.content, { 'content-type': item.mimeType ?? 'application/octet-stream' })
  }

  const accessFor = (exchange: Exchange): Access => {
    const access = accessOf(exchange, 'google', options)
    if (access !== undefined) return access
    throw new Refusal(401, 'authError', 'Invalid Credentials', { 'www-authenticate': 'Bearer realm="https://accounts.google.com/"' })
  }

  const handle = async (exchange: Exchange): Promise<void> => {
    const { path } = exchange.record
    if (path === TOKEN) return answerTokenRequest(exchange, 'google')
    if (path === KEYS) return exchange.json(200, keySet('google'))
    const upTo = UPLOAD.exec(path)
    if (upTo !== null) return upload(exchange, upTo[1])
    const access = accessFor(exchange)
    const file = FILES.exec(path)
    if (file !== null) return files(exchange, access, file[1], file[2])
    const told = path === '/drive/v3/about' ? about(access) : FIXED[path]
    if (told === undefined) throw new Refusal(404, 'notFound', `the stand-in has no ${path}`)
    await exchange.json(200, selectFields(told, exchange.query.get('fields')))
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
    stored: () => roots.stored('google-drive'),
    reset: () => {
      roots = newRoots()
      resources = new DriveResources(roots)
      resumable.reset()
    },
  }
}

const FIXED: Readonly<Record<string, JsonObject>> = {
  '/drive/v3/drives': { kind: 'drive#driveList', drives: [] },
  '/drive/v3/changes/startPageToken': { kind: 'drive#startPageToken', startPageToken: '1' },
}
