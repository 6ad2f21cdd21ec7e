import { randomUUID } from 'node:crypto'
import type { Buckets, StoredObject } from './buckets.ts'
import type { Exchange } from './exchange.ts'
import { Refusal } from './refusal.ts'
import { document, element, textsOf } from './xml.ts'
import type { Xml } from './xml.ts'

const NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
const OWNER = element('Owner', element('ID', 'fake'), element('DisplayName', 'contoso'))

export async function sendXml(exchange: Exchange, root: Xml, status = 200): Promise<void> {
  await exchange.send(status, { 'content-type': 'application/xml', 'x-amz-request-id': 'FAKE' }, document(root))
}

/** Answers with a refusal in the form of S3; throws what is none. */
export async function sendS3Error(exchange: Exchange, error: unknown): Promise<void> {
  const refusal = error instanceof SyntaxError ? new Refusal(400, 'IncompleteBody', error.message) : error
  if (!(refusal instanceof Refusal)) throw error
  const { status, code, message } = refusal
  if (exchange.record.method === 'HEAD') return exchange.empty(status, { 'x-amz-request-id': 'FAKE' })
  await sendXml(exchange, element('Error', element('Code', code), element('Message', message), element('RequestId', randomUUID())), status)
}

export function root(name: string): string {
  return `${name} ${NAMESPACE}`
}

/** The buckets of the account. */
export function bucketsOf(buckets: Buckets): Xml {
  const each = buckets.names().map(name => element('Bucket', element('Name', name), element('CreationDate', '2024-01-01T00:00:00.000Z')))
  return element(root('ListAllMyBucketsResult'), OWNER, element('Buckets', ...each))
}

/** ListObjects, version 1 or 2 as asked; everything at once. */
export function listing(exchange: Exchange, buckets: Buckets, bucket: string): Xml {
  const { query } = exchange
  const [prefix, delimiter] = [query.get('prefix') ?? '', query.get('delimiter') ?? '']
  const encode = query.get('encoding-type') === 'url' ? (text: string) => encodeURIComponent(text).replaceAll('%2F', '/') : (text: string) => text
  const { objects, prefixes } = buckets.list(bucket, prefix, delimiter)
  return element(root('ListBucketResult'),
    element('Name', bucket), element('Prefix', encode(prefix)), element('Delimiter', encode(delimiter)), element('MaxKeys', 1000),
    element('KeyCount', objects.length + prefixes.length), element('IsTruncated', 'false'), element('EncodingType', query.get('encoding-type') ?? ''),
    ...objects.map(object => element('Contents',
      element('Key', encode(object.key)), element('LastModified', object.modified), element('ETag', object.etag),
      element('Size', object.content.size), element('StorageClass', 'STANDARD'))),
    ...prefixes.map(each => element('CommonPrefixes', element('Prefix', encode(each)))))
}

export function objectHeaders({ etag, modified, contentType, metadata }: StoredObject): Readonly<Record<string, string>> {
  return { etag, 'last-modified': new Date(modified).toUTCString(), 'content-type': contentType, 'x-amz-request-id': 'FAKE', ...metadata }
}

/** The parts that a CompleteMultipartUpload names, in order. */
export function partsNamed(xml: string): readonly { readonly number: string; readonly etag: string }[] {
  const etags = textsOf(xml, 'ETag')
  return textsOf(xml, 'PartNumber').map((number, i) => ({ number: number.trim(), etag: etags[i] ?? '' }))
}
