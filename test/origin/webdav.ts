import type { Content, Vault } from './content.ts'
import { credentials } from './credentials.ts'
import type { Exchange } from './exchange.ts'
import type { JsonObject } from './json.ts'
import { readBulk } from './nextcloud-bulk.ts'
import { NextcloudChunks } from './nextcloud-chunks.ts'
import { Refusal } from './refusal.ts'
import type { StandIn } from './stand-in.ts'
import { Tree } from './tree.ts'
import type { Item } from './tree.ts'
import { etag, permissions, sendDavError, sendLock, sendPatched, sendProperties } from './webdav-answers.ts'
import type { Located } from './webdav-answers.ts'

const PLAIN = 'dav.example'
const NEXTCLOUD = 'cloud.example'
/** Where the files of the one user are: of a plain server, and the two addresses of Nextcloud. */
const MOUNTS: readonly (readonly [string, RegExp])[] = [
  [PLAIN, /^\/dav(?=\/|$)/],
  [NEXTCLOUD, /^\/remote\.php\/(?:dav\/files\/fay|webdav)(?=\/|$)/],
]
const BULK = '/remote.php/dav/bulk'
const HASHES = { md5: true, sha1: true }
const UPLOADS = /^\/remote\.php\/dav\/uploads\/fay\//
const STATUS = {
  installed: true, maintenance: false, needsDbUpgrade: false, version: '29.0.0.0', versionstring: '29.0.0', productname: 'Nextcloud',
}
const METHODS = 'OPTIONS, GET, HEAD, PUT, DELETE, PROPFIND, PROPPATCH, MKCOL, COPY, MOVE, LOCK, UNLOCK'
const OCS: Readonly<Record<string, JsonObject>> = {
  capabilities: {
    capabilities: {
      checksums: { supportedTypes: ['SHA1', 'MD5'], preferredUploadType: 'SHA1' },
      dav: { chunking: '1.0', bulkupload: '1.0' },
      files: { bigfilechunking: true },
    },
  },
  user: { id: 'fay', 'display-name': 'Fay Example', email: 'fay@contoso.example' },
}

/** A WebDAV server (RFC 4918), and Nextcloud: the same with checksums, times and uploads in chunks. */
export function webdav(vault: Vault): StandIn {
  const fresh = (): ReadonlyMap<string, Tree> => new Map([PLAIN, NEXTCLOUD].map(host =>
    [host, new Tree({ id: n => `${host}-${n}`, sameNames: false })]))
  let trees = fresh()
  const chunks = new NextcloudChunks(vault)

  const treeOf = (host: string): Tree => {
    const tree = trees.get(host)
    if (tree === undefined) throw new Refusal(404, 'NotFound', `the stand-in has no ${host}`)
    return tree
  }

  const find = (tree: Tree, path: string): Item => {
    const item = tree.at(path)
    if (item === undefined) throw new Refusal(404, 'NotFound', `File with name ${path} could not be located`)
    return item
  }

  /** The folder, which has to be there, and the name in it that a path means. */
  const place = (tree: Tree, path: string): { folder: Item; name: string } => {
    const trimmed = path.replace(/\/+$/, '')
    const cut = trimmed.lastIndexOf('/')
    const folder = tree.at(trimmed.slice(0, Math.max(cut, 0)))
    if (trimmed === '' || folder === undefined || folder.content !== null) throw new Refusal(409, 'Conflict', 'Parent node does not exist')
    return { folder, name: trimmed.slice(cut + 1) }
  }

  /** `mtime` in seconds. Throws where a folder is in the way, or the folder above is not there. */
  const add = (tree: Tree, path: string, content: Content, mtime?: string | null): { item: Item; isNew: boolean } => {
    const { folder, name } = place(tree, path)
    const there = tree.child(folder, name)
    if (there?.content === null) throw new Refusal(409, 'Conflict', 'PUT is not allowed on non-files.')
    const modified = mtime === undefined || mtime === null ? undefined : new Date(Number(mtime) * 1000).toISOString()
    return { item: tree.add(folder, { name, content, modified }), isNew: there === undefined }
  }

  const store = async (exchange: Exchange, tree: Tree, path: string, content: Content): Promise<void> => {
    const mtime = exchange.header('x-oc-mtime')
    const { item, isNew } = add(tree, path, content, mtime)
    await exchange.empty(isNew ? 201 : 204, {
      etag: etag(item), 'oc-etag': etag(item), 'oc-fileid': item.id, ...(mtime === undefined ? {} : { 'x-oc-mtime': 'accepted' }),
    })
  }

  const bulk = async (exchange: Exchange, tree: Tree): Promise<void> => {
    const written: Record<string, JsonObject> = {}
    for (const { path, mtime, bytes } of readBulk(exchange.header('content-type') ?? '', await exchange.readBytes())) {
      const writer = vault.writer(HASHES)
      await writer.write(bytes)
      const { item } = add(tree, path, await writer.finish(), mtime)
      written[path] = { error: false, etag: etag(item).replaceAll('"', ''), fileid: item.id, permissions: permissions(item) }
    }
    await exchange.json(200, written)
  }

  const put = async (exchange: Exchange, tree: Tree, path: string): Promise<void> => {
    // RFC 9110 §14.5: a server that does not support partial PUT must refuse it.
    if (exchange.header('content-range') !== undefined) throw new Refusal(400, 'BadRequest', 'Content-Range is not allowed on PUT')
    place(tree, path)
    const writer = vault.writer(HASHES)
    await exchange.receive(writer)
    const content = await writer.finish()
    const [, kind = '', claimed = ''] = /^(SHA1|MD5):([0-9a-f]+)$/i.exec(exchange.header('oc-checksum') ?? '') ?? []
    if (claimed !== '' && claimed.toLowerCase() !== (kind.toUpperCase() === 'MD5' ? content.md5 : content.sha1)) {
      throw new Refusal(400, 'BadRequest', 'The computed checksum does not match the one received from the client.')
    }
    await store(exchange, tree, path, content)
  }

  /** The path below the mount that `Destination` names. */
  const destination = (exchange: Exchange): string => {
    const url = URL.parse(exchange.header('destination') ?? '', `https://${exchange.record.host}`)
    const path = url === null || url.host !== exchange.record.host ? undefined : below(url.host, url.pathname)
    if (path === undefined) throw new Refusal(400, 'BadRequest', 'The destination header is missing, or leads elsewhere')
    return path
  }

  const relocate = async (exchange: Exchange, tree: Tree, path: string, how: 'move' | 'copy'): Promise<void> => {
    await exchange.drain()
    const item = find(tree, path)
    const { folder, name } = place(tree, destination(exchange))
    const there = tree.child(folder, name)
    if (there !== undefined && exchange.header('overwrite') === 'F') throw new Refusal(412, 'PreconditionFailed', 'The destination node already exists')
    if (there !== undefined && there !== item) tree.remove(there)
    tree[how](item, folder, name)
    await exchange.empty(there === undefined ? 201 : 204)
  }

  const list = async (exchange: Exchange, tree: Tree, path: string): Promise<void> => {
    await exchange.drain()
    const depth = exchange.header('depth') ?? 'infinity'
    if (depth !== '0' && depth !== '1') throw new Refusal(403, 'Forbidden', 'PROPFIND of infinite depth is not allowed')
    const item = find(tree, path)
    const mount = MOUNTS.find(([host]) => host === exchange.record.host)?.[1].exec(exchange.record.path)?.[0] ?? ''
    const located = (each: Item): Located =>
      ({ href: mount + encodeURI(tree.pathOf(each)) + (each.content === null ? '/' : ''), item: each })
    await sendProperties(exchange, [item, ...(depth === '1' ? item.kids.values() : [])].map(located))
  }

  const inTree = async (exchange: Exchange, tree: Tree, path: string): Promise<void> => {
    switch (exchange.record.method) {
      case 'OPTIONS': return exchange.empty(200, { dav: '1, 2', allow: METHODS })
      case 'PROPFIND': return list(exchange, tree, path)
      case 'PROPPATCH':
        await exchange.drain()
        find(tree, path)
        return sendPatched(exchange, exchange.record.path)
      case 'MKCOL': {
        await exchange.drain()
        if (tree.at(path) !== undefined) throw new Refusal(405, 'MethodNotAllowed', 'The resource you tried to create already exists')
        const { folder, name } = place(tree, path)
        tree.add(folder, { name })
        return exchange.empty(201)
      }
      case 'PUT': return put(exchange, tree, path)
      case 'GET':
      case 'HEAD': {
        const item = find(tree, path)
        if (item.content === null) throw new Refusal(405, 'MethodNotAllowed', 'folders have no content')
        return exchange.sendContent(item.content, { etag: etag(item), 'last-modified': new Date(item.modified).toUTCString() })
      }
      case 'DELETE':
        tree.remove(find(tree, path))
        return exchange.empty(204)
      case 'MOVE': return relocate(exchange, tree, path, 'move')
      case 'COPY': return relocate(exchange, tree, path, 'copy')
      case 'LOCK':
        await exchange.drain()
        return sendLock(exchange, tree.at(path) === undefined ? 201 : 200)
      case 'UNLOCK': return exchange.empty(204)
      default: throw new Refusal(405, 'MethodNotAllowed', `the stand-in does not know ${exchange.record.method}`)
    }
  }

  const handle = async (exchange: Exchange): Promise<void> => {
    const { host, path } = exchange.record
    if (host === NEXTCLOUD && path === '/status.php') return exchange.json(200, STATUS)
    if (credentials(exchange) !== 'shown') {
      const challenge = { 'www-authenticate': 'Basic realm="stand-in", charset="UTF-8"' }
      throw new Refusal(401, 'NotAuthenticated', 'No public access to this resource.', challenge)
    }
    const ocs = host === NEXTCLOUD ? OCS[/^\/ocs\/v[12]\.php\/cloud\/(\w+)$/.exec(path)?.[1] ?? ''] : undefined
    if (ocs !== undefined) return exchange.json(200, { ocs: { meta: { status: 'ok', statuscode: 200, message: 'OK' }, data: ocs } })
    const tree = treeOf(host)
    if (host === NEXTCLOUD && UPLOADS.test(path)) {
      const content = await chunks.proceed(exchange, decodeURIComponent(path.replace(UPLOADS, '')))
      return content === null ? undefined : store(exchange, tree, destination(exchange), content)
    }
    if (host === NEXTCLOUD && path === BULK && exchange.record.method === 'POST') return bulk(exchange, tree)
    const inside = below(host, path)
    if (inside === undefined) throw new Refusal(404, 'NotFound', `the stand-in has no ${path}`)
    await inTree(exchange, tree, inside)
  }

  return {
    hosts: [PLAIN, NEXTCLOUD],
    carriesContent: (method, path) => method === 'PUT' || path === BULK,
    handle: async exchange => {
      try {
        await handle(exchange)
      } catch (error) {
        await sendDavError(exchange, error)
      }
    },
    stored: () => [...trees.values()].flatMap(tree => [...tree.items()].flatMap(item => item.content === null ? [] : [{
      provider: 'webdav' as const, path: tree.pathOf(item), name: item.name, size: item.content.size, sha256: item.content.sha256,
    }])),
    reset: () => {
      trees = fresh()
      chunks.reset()
    },
  }
}

/** The path below where a host keeps its files, decoded; undefined for what is elsewhere. */
function below(host: string, path: string): string | undefined {
  const mount = MOUNTS.find(([name, pattern]) => name === host && pattern.test(path))
  return mount === undefined ? undefined : decodeURIComponent(path.replace(mount[1], ''))
}
