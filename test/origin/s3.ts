import { createHash, randomUUID } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { decodeAwsChunked } from './aws-chunked.ts'
import { checkSignature } from './aws-signature.ts'
import { Buckets } from './buckets.ts'
import type { StoredObject } from './buckets.ts'
import type { Content, Vault } from './content.ts'
import type { Exchange } from './exchange.ts'
import { Parts } from './parts.ts'
import { Refusal } from './refusal.ts'
import { bucketsOf, listing, objectHeaders, partsNamed, root, sendS3Error, sendXml } from './s3-answers.ts'
import type { StandIn } from './stand-in.ts'
import { element, textsOf } from './xml.ts'

const HOST = /^(?:(.+)\.)?s3(?:\.us-east-1)?\.amazonaws\.com$/
const SERVICES = ['s3.us-east-1.amazonaws.com', 's3.amazonaws.com']
const BUCKETS = ['contoso-files', 'fabrikam-files']
/** "Part sizes: 5 MiB to 5 GiB. There is no minimum size limit on the last part." */
const LEAST_PART_BYTES = 5 << 20

interface Upload {
  readonly key: string
  readonly contentType: string
  readonly metadata: Readonly<Record<string, string>>
  readonly parts: Parts
}

/** Amazon S3: buckets by host and by path; single, copied, multipart and `aws-chunked` objects; signatures checked. */
export function s3(vault: Vault): StandIn {
  let buckets = new Buckets(BUCKETS)
  let uploads = new Map<string, Upload>()

  const find = (bucket: string, key: string): StoredObject => {
    const object = buckets.get(bucket, key)
    if (object === undefined) throw new Refusal(404, 'NoSuchKey', 'The specified key does not exist.')
    return object
  }

  const uploadOf = (exchange: Exchange): { id: string; upload: Upload } => {
    const id = exchange.query.get('uploadId') ?? ''
    const upload = uploads.get(id)
    if (upload === undefined) throw new Refusal(404, 'NoSuchUpload', 'The specified multipart upload does not exist.')
    return { id, upload }
  }

  /** Takes the body in and holds it against every length and hash that the client gave. */
  const receive = async (exchange: Exchange): Promise<Content> => {
    const trailers = new Map<string, string>()
    const declared = exchange.header('x-amz-content-sha256') ?? ''
    let crc = 0
    const counted = async function * (): AsyncGenerator<Buffer> {
      const chunked = declared.startsWith('STREAMING-') || /aws-chunked/.test(exchange.header('content-encoding') ?? '')
      for await (const chunk of chunked ? decodeAwsChunked(exchange.body(), trailers) : exchange.body()) {
        crc = crc32(chunk, crc)
        yield chunk
      }
    }
    const writer = vault.writer({ md5: true, sha1: true, crc32c: true })
    await exchange.receive(writer, counted())
    const content = await writer.finish()
    const length = exchange.header('x-amz-decoded-content-length')
    if (length !== undefined && Number(length) !== content.size) {
      throw new Refusal(400, 'IncompleteBody', 'You did not provide the number of bytes specified by the Content-Length HTTP header.')
    }
    if (/^[0-9a-f]{64}$/.test(declared) && declared !== content.sha256) {
      throw new Refusal(400, 'XAmzContentSHA256Mismatch', "The provided 'x-amz-content-sha256' header does not match what was computed.")
    }
    const claims = {
      'content-md5': content.md5, 'x-amz-checksum-sha1': content.sha1, 'x-amz-checksum-sha256': content.sha256,
      'x-amz-checksum-crc32': word(crc), 'x-amz-checksum-crc32c': word(content.crc32c ?? 0),
    }
    for (const [name, hex = ''] of Object.entries(claims)) {
      const claimed = exchange.header(name) ?? trailers.get(name)
      if (claimed !== undefined && claimed !== Buffer.from(hex, 'hex').toString('base64')) {
        throw new Refusal(400, 'BadDigest', `The ${name} you specified did not match what we received.`)
      }
    }
    return content
  }

  const inService = async (exchange: Exchange): Promise<void> => {
    if (exchange.record.method !== 'GET') throw new Refusal(405, 'MethodNotAllowed', 'The specified method is not allowed.')
    await sendXml(exchange, bucketsOf(buckets))
  }

  const inBucket = async (exchange: Exchange, bucket: string): Promise<void> => {
    const { method } = exchange.record
    if (method === 'PUT') {
      await exchange.drain()
      buckets.create(bucket)
      return exchange.empty(200, { location: `/${bucket}` })
    }
    if (!buckets.has(bucket)) throw new Refusal(404, 'NoSuchBucket', 'The specified bucket does not exist')
    if (method === 'POST' && exchange.query.has('delete')) {
      const keys = textsOf((await exchange.readBytes()).toString('utf8'), 'Key')
      for (const key of keys) await buckets.delete(bucket, key)
      return sendXml(exchange, element(root('DeleteResult'), ...keys.map(key => element('Deleted', element('Key', key)))))
    }
    if (method === 'HEAD') return exchange.empty(200, { 'x-amz-bucket-region': 'us-east-1' })
    if (method !== 'GET') throw new Refusal(405, 'MethodNotAllowed', 'The specified method is not allowed.')
    if (exchange.query.has('location')) return sendXml(exchange, element(root('LocationConstraint')))
    if (exchange.query.has('uploads')) return sendXml(exchange, element(root('ListMultipartUploadsResult'), element('Bucket', bucket)))
    await sendXml(exchange, listing(exchange, buckets, bucket))
  }

  const copy = async (exchange: Exchange, bucket: string, key: string, source: string): Promise<void> => {
    const [, from = '', fromKey = ''] = /^\/?([^/]+)\/([^?]+)/.exec(source) ?? []
    const object = find(decodeURIComponent(from), decodeURIComponent(fromKey))
    const told = exchange.header('x-amz-metadata-directive') === 'REPLACE' ? { metadata: metadataOf(exchange) } : {}
    const made = { ...object, ...told, key, modified: new Date().toISOString() }
    await buckets.put(bucket, made)
    await sendXml(exchange, element(root('CopyObjectResult'), element('LastModified', made.modified), element('ETag', made.etag)))
  }

  const put = async (exchange: Exchange, bucket: string, key: string): Promise<void> => {
    const number = exchange.query.get('partNumber')
    const copied = exchange.header('x-amz-copy-source')
    if (number !== null) {
      const { upload } = uploadOf(exchange)
      if (!/^[1-9]\d{0,4}$/.test(number) || Number(number) > 10_000) {
        throw new Refusal(400, 'InvalidArgument', 'Part number must be an integer between 1 and 10000, inclusive')
      }
      const content = await receive(exchange)
      await upload.parts.put(number, content)
      return exchange.empty(200, { etag: quoted(content) })
    }
    if (copied !== undefined) return copy(exchange, bucket, key, copied)
    const content = await receive(exchange)
    const contentType = exchange.header('content-type') ?? 'binary/octet-stream'
    const etag = quoted(content)
    await buckets.put(bucket, { key, content, contentType, etag, modified: new Date().toISOString(), metadata: metadataOf(exchange) })
    await exchange.empty(200, { etag })
  }

  const start = async (exchange: Exchange, bucket: string, key: string): Promise<void> => {
    await exchange.drain()
    const id = `FAKE${randomUUID().replaceAll('-', '')}`
    const contentType = exchange.header('content-type') ?? 'binary/octet-stream'
    uploads.set(id, { key, contentType, metadata: metadataOf(exchange), parts: new Parts() })
    await sendXml(exchange, element(root('InitiateMultipartUploadResult'), element('Bucket', bucket), element('Key', key), element('UploadId', id)))
  }

  const complete = async (exchange: Exchange, bucket: string): Promise<void> => {
    const { id, upload } = uploadOf(exchange)
    const named = partsNamed((await exchange.readBytes()).toString('utf8'))
    const digest = createHash('md5')
    for (const [i, { number, etag }] of named.entries()) {
      const part = upload.parts.get(number)
      if (part === undefined || quoted(part).replaceAll('"', '') !== etag.replaceAll('"', '')) {
        throw new Refusal(400, 'InvalidPart', 'One or more of the specified parts could not be found.')
      }
      if (i > 0 && Number(number) <= Number(named[i - 1]?.number)) {
        throw new Refusal(400, 'InvalidPartOrder', 'The list of parts was not in ascending order.')
      }
      if (i < named.length - 1 && part.size < LEAST_PART_BYTES) {
        throw new Refusal(400, 'EntityTooSmall', 'Your proposed upload is smaller than the minimum allowed size')
      }
      digest.update(Buffer.from(part.md5 ?? '', 'hex'))
    }
    if (named.length === 0) throw new Refusal(400, 'MalformedXML', 'The XML you provided was not well-formed')
    const content = await upload.parts.join(vault, named.map(({ number }) => number), { md5: true })
    uploads.delete(id)
    const etag = `"${digest.digest('hex')}-${named.length}"`
    const { key, contentType, metadata } = upload
    await buckets.put(bucket, { key, content, contentType, etag, modified: new Date().toISOString(), metadata })
    await sendXml(exchange, element(root('CompleteMultipartUploadResult'), element('Bucket', bucket), element('Key', key), element('ETag', etag)))
  }

  const inObject = async (exchange: Exchange, bucket: string, key: string): Promise<void> => {
    if (!buckets.has(bucket)) throw new Refusal(404, 'NoSuchBucket', 'The specified bucket does not exist')
    const { query } = exchange
    switch (exchange.record.method) {
      case 'PUT': return put(exchange, bucket, key)
      case 'POST':
        if (query.has('uploads')) return start(exchange, bucket, key)
        if (query.has('uploadId')) return complete(exchange, bucket)
        break
      case 'HEAD':
      case 'GET': {
        const object = find(bucket, key)
        return exchange.sendContent(object.content, objectHeaders(object))
      }
      case 'DELETE':
        if (query.has('uploadId')) {
          const { id, upload } = uploadOf(exchange)
          uploads.delete(id)
          await upload.parts.drop()
        } else {
          await buckets.delete(bucket, key)
        }
        return exchange.empty(204)
    }
    throw new Refusal(405, 'MethodNotAllowed', 'The specified method is not allowed against this resource.')
  }

  const handle = async (exchange: Exchange): Promise<void> => {
    const { host, path } = exchange.record
    checkSignature(exchange)
    const { bucket, key } = addressOf(host, path)
    if (bucket === '') return inService(exchange)
    if (key === '') return inBucket(exchange, bucket)
    await inObject(exchange, bucket, key)
  }

  return {
    hosts: [...SERVICES, ...BUCKETS.flatMap(bucket => SERVICES.map(service => `${bucket}.${service}`))],
    http1Only: true,
    rootIsService: true,
    carriesContent: method => method === 'PUT',
    handle: async exchange => {
      try {
        await handle(exchange)
      } catch (error) {
        await sendS3Error(exchange, error)
      }
    },
    stored: () => buckets.stored('s3'),
    reset: () => {
      buckets = new Buckets(BUCKETS)
      uploads = new Map()
    },
  }
}

function addressOf(host: string, path: string): { bucket: string; key: string } {
  const byHost = HOST.exec(host)?.[1]
  const [, first = '', rest = ''] = /^\/([^/]*)\/?(.*)$/s.exec(path) ?? []
  return byHost === undefined ? { bucket: first, key: decodeURIComponent(rest) } : { bucket: byHost, key: decodeURIComponent(path.slice(1)) }
}

/** The headers that come back with the object. */
function metadataOf({ record }: Exchange): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(record.headers).filter(([name]) => name.startsWith('x-amz-meta-')))
}

function quoted({ md5 = '' }: Content): string {
  return `"${md5}"`
}

function word(value: number): string {
  return value.toString(16).padStart(8, '0')
}
