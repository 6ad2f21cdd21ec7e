import { Buckets } from './buckets.ts'
import type { StoredObject } from './buckets.ts'
import type { Content, Vault } from './content.ts'
import { credentials } from './credentials.ts'
import type { Exchange } from './exchange.ts'
import { ResumableUploads } from './google-resumable.ts'
import { asObject, parseObject, text } from './json.ts'
import type { JsonObject } from './json.ts'
import { readRelated } from './multipart.ts'
import { Refusal } from './refusal.ts'
import type { StandIn } from './stand-in.ts'

const HOST = 'storage.googleapis.com'
const UPLOAD = /^\/(?:resumable\/)?upload\/storage\/v1\/b\/([^/]+)\/o$/
const OBJECTS = /^\/(?:download\/)?storage\/v1\/b\/([^/]+)\/o(?:\/([^/]+))?$/
const COPY = /^\/storage\/v1\/b\/([^/]+)\/o\/([^/]+)\/(?:rewriteTo|copyTo)\/b\/([^/]+)\/o\/([^/]+)$/
const BUCKETS = /^\/storage\/v1\/b(?:\/([^/]+))?$/
/** The XML API: `/bucket/object`, on which signed addresses stand. */
const PLAIN = /^\/([a-z0-9][\w.-]+)\/(.+)$/
const HASHES = { md5: true, crc32c: true }

interface Place { readonly bucket: string; readonly metadata: JsonObject }

/** Google Cloud Storage: the JSON API (media, multipart, resumable), and objects by XML address. */
export function gcs(vault: Vault): StandIn {
  const fresh = (): Buckets => new Buckets(['contoso-files', 'fabrikam-files'])
  let buckets = fresh()
  const resumable = new ResumableUploads<Place>()

  const inBucket = (part: string | undefined): string => {
    const bucket = decodeURIComponent(part ?? '')
    if (!buckets.has(bucket)) throw new Refusal(404, 'notFound', 'The specified bucket does not exist.')
    return bucket
  }

  const find = (bucket: string, name: string): StoredObject => {
    const object = buckets.get(bucket, name)
    if (object === undefined) throw new Refusal(404, 'notFound', `No such object: ${bucket}/${name}`)
    return object
  }

  const store = async ({ bucket, metadata }: Place, content: Content, mediaType: string | undefined): Promise<JsonObject> => {
    const key = text(metadata, 'name')
    if (key === undefined || key === '') throw new Refusal(400, 'required', 'Required parameter: name')
    const contentType = text(metadata, 'contentType') ?? mediaType ?? 'application/octet-stream'
    const [md5, crc] = [text(metadata, 'md5Hash'), text(metadata, 'crc32c')]
    if (md5 !== undefined && md5 !== base64(content) || crc !== undefined && crc !== crcOf(content)) {
      throw new Refusal(400, 'invalid', 'the hash of the metadata does not match the content')
    }
    const custom = Object.entries(asObject(metadata.metadata)).map(([name, value]) => [name, String(value)])
    const object = { key, content, contentType, etag: 'CFAKE=', modified: new Date().toISOString(), metadata: Object.fromEntries(custom) }
    await buckets.put(bucket, object)
    return resource(bucket, object)
  }

  const receive = async (exchange: Exchange, source?: AsyncIterable<Buffer>): Promise<Content> => {
    const writer = vault.writer(HASHES)
    await exchange.receive(writer, source)
    return writer.finish()
  }

  const upload = async (exchange: Exchange, bucket: string): Promise<void> => {
    const id = exchange.query.get('upload_id')
    if (id !== null) return proceed(exchange, id)
    const named: JsonObject = exchange.query.has('name') ? { name: exchange.query.get('name') } : {}
    const type = exchange.header('content-type')
    switch (exchange.query.get('uploadType')) {
      case 'media': return exchange.json(200, await store({ bucket, metadata: named }, await receive(exchange), type))
      case 'multipart': {
        const related = await readRelated(type ?? '', exchange.body())
        const metadata = { ...parseObject(related.metadata), ...named }
        return exchange.json(200, await store({ bucket, metadata }, await receive(exchange, related.media), related.mediaType))
      }
      case 'resumable': {
        const given = await exchange.readJson()
        const mediaType = exchange.header('x-upload-content-type')
        const metadata = { ...(mediaType === undefined ? {} : { contentType: mediaType }), ...given, ...named }
        const started = resumable.start(exchange, { bucket, metadata }, vault.writer(HASHES))
        const location = `https://${HOST}${exchange.record.path}?uploadType=resumable&upload_id=${started}`
        return exchange.empty(200, { location, 'x-guploader-uploadid': started })
      }
      default: throw new Refusal(400, 'badRequest', 'uploadType must be media, multipart or resumable')
    }
  }

  const proceed = async (exchange: Exchange, id: string): Promise<void> => {
    const done = await resumable.proceed(exchange, id)
    if (done === null) return
    const { target: { bucket, metadata }, content, again } = done
    const object = again ? buckets.get(bucket, text(metadata, 'name') ?? '') : undefined
    await exchange.json(200, object === undefined ? await store(done.target, content, undefined) : resource(bucket, object))
  }

  const objects = async (exchange: Exchange, bucket: string, part: string | undefined): Promise<void> => {
    if (part === undefined) {
      const { objects, prefixes } = buckets.list(bucket, exchange.query.get('prefix') ?? '', exchange.query.get('delimiter') ?? '')
      const items = objects.map(object => resource(bucket, object))
      return exchange.json(200, { kind: 'storage#objects', items, prefixes })
    }
    const object = find(bucket, decodeURIComponent(part))
    switch (exchange.record.method) {
      case 'DELETE':
        await buckets.delete(bucket, object.key)
        return exchange.empty(204)
      case 'PATCH':
      case 'PUT': return exchange.json(200, await change(bucket, object, await exchange.readJson()))
      default:
        if (exchange.query.get('alt') !== 'media') return exchange.json(200, resource(bucket, object))
        return send(exchange, object)
    }
  }

  const change = async (bucket: string, object: StoredObject, body: JsonObject): Promise<JsonObject> => {
    const custom = Object.entries(asObject(body.metadata)).map(([name, value]) => [name, String(value)])
    const changed = { ...object, metadata: { ...object.metadata, ...Object.fromEntries(custom) } }
    await buckets.put(bucket, changed)
    return resource(bucket, changed)
  }

  const inBuckets = async (exchange: Exchange, part: string | undefined): Promise<void> => {
    const { method } = exchange.record
    if (part !== undefined) return exchange.json(200, bucketResource(inBucket(part)))
    if (method !== 'POST') return exchange.json(200, { kind: 'storage#buckets', items: buckets.names().map(bucketResource) })
    const name = text(await exchange.readJson(), 'name') ?? ''
    if (buckets.has(name)) throw new Refusal(409, 'conflict', 'Your previous request to create the named bucket succeeded')
    buckets.create(name)
    return exchange.json(200, bucketResource(name))
  }

  const plain = async (exchange: Exchange, bucket: string, name: string): Promise<void> => {
    if (exchange.record.method !== 'PUT') return send(exchange, find(bucket, name))
    const content = await receive(exchange)
    await store({ bucket, metadata: { name } }, content, exchange.header('content-type'))
    await exchange.empty(200, { etag: `"${content.md5 ?? ''}"`, 'x-goog-hash': hashes(content) })
  }

  const handle = async (exchange: Exchange): Promise<void> => {
    const { path, method } = exchange.record
    const uploads = UPLOAD.exec(path)
    // The address of a session, and one that is signed, stand for the credentials.
    const shown = exchange.query.has('upload_id') || exchange.query.has('X-Goog-Signature') ? 'shown' : credentials(exchange)
    if (shown !== 'shown') throw new Refusal(401, 'authError', 'Invalid Credentials', { 'www-authenticate': 'Bearer realm="https://accounts.google.com/"' })
    if (uploads !== null && method !== 'GET') return upload(exchange, inBucket(uploads[1]))
    const copied = COPY.exec(path)
    if (copied !== null) {
      const [from, to] = [inBucket(copied[1]), inBucket(copied[3])]
      const object = { ...find(from, decodeURIComponent(copied[2] ?? '')), key: decodeURIComponent(copied[4] ?? '') }
      await buckets.put(to, object)
      const made = resource(to, object)
      return exchange.json(200, path.includes('/rewriteTo/') ? { kind: 'storage#rewriteResponse', done: true, resource: made } : made)
    }
    const object = OBJECTS.exec(path)
    if (object !== null) return objects(exchange, inBucket(object[1]), object[2])
    const bucket = BUCKETS.exec(path)
    if (bucket !== null) return inBuckets(exchange, bucket[1])
    const address = PLAIN.exec(path)
    if (address !== null) return plain(exchange, inBucket(address[1]), decodeURIComponent(address[2] ?? ''))
    throw new Refusal(404, 'notFound', `the stand-in has no ${path}`)
  }

  return {
    hosts: [HOST],
    carriesContent: (method, path) => UPLOAD.test(path) || method === 'PUT' && !path.startsWith('/storage/') && PLAIN.test(path),
    handle: async exchange => {
      try {
        await handle(exchange)
      } catch (error) {
        const refusal = error instanceof SyntaxError ? new Refusal(400, 'badRequest', error.message) : error
        if (!(refusal instanceof Refusal)) throw error
        const { status, message, code, headers } = refusal
        await exchange.json(status, { error: { code: status, message, errors: [{ domain: 'global', reason: code, message }] } }, headers)
      }
    },
    stored: () => buckets.stored('gcs'),
    reset: () => {
      buckets = fresh()
      resumable.reset()
    },
  }
}

async function send(exchange: Exchange, { content, contentType, etag }: StoredObject): Promise<void> {
  await exchange.sendContent(content, { 'content-type': contentType, etag, 'x-goog-hash': hashes(content), 'x-goog-generation': '1' })
}

function bucketResource(name: string): JsonObject {
  return { kind: 'storage#bucket', id: name, name, location: 'EU', storageClass: 'STANDARD' }
}

function resource(bucket: string, { key, content, contentType, etag, modified, metadata }: StoredObject): JsonObject {
  const object = encodeURIComponent(key)
  return {
    kind: 'storage#object', id: `${bucket}/${key}/1`, name: key, bucket, generation: '1', metageneration: '1', contentType, etag,
    size: String(content.size), md5Hash: base64(content), crc32c: crcOf(content), timeCreated: modified, updated: modified,
    storageClass: 'STANDARD', metadata, selfLink: `https://${HOST}/storage/v1/b/${bucket}/o/${object}`,
    mediaLink: `https://${HOST}/download/storage/v1/b/${bucket}/o/${object}?generation=1&alt=media`,
  }
}

function base64({ md5 = '' }: Content): string {
  return Buffer.from(md5, 'hex').toString('base64')
}

/** CRC-32C as Google writes it: big-endian, Base64. */
function crcOf({ crc32c = 0 }: Content): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(crc32c)
  return bytes.toString('base64')
}

function hashes(content: Content): string {
  return `crc32c=${crcOf(content)},md5=${base64(content)}`
}
