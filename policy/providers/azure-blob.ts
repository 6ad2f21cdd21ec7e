import { HOSTS, remember } from '../memo.ts'
import { isReadable, mixedBatch, readBatch, unreadBatch } from './batch.ts'
import { findEndpoint, listed, row } from './endpoints.ts'
import type { Endpoint, HostPattern, ProviderModule, Recognition, RequestHead } from './provider.ts'
import { queryValue, queryValues } from './query.ts'
import { explain, isEncoded, mediaType, partId, PEEK_LIMIT, plainReading, recognition, sessionId } from './reading.ts'
import type { Reading } from './reading.ts'
import { atLeast, bodySize, byteCount, exactly, UNKNOWN } from './size.ts'
import { strictest } from './spelling.ts'
import { baseName } from './text.ts'

/** What the certificate authority must be able to sign for. */
const domains: readonly string[] = [
  'blob.core.windows.net',       // storage accounts
  'dfs.core.windows.net',        // the same accounts, as file system
  'blob.storage.azure.net',      // storage accounts in DNS zones
  'dfs.storage.azure.net',       // the same, as file system
  'blob.core.usgovcloudapi.net', // US government
  'dfs.core.usgovcloudapi.net',  // US government, file system
  'blob.core.chinacloudapi.cn',  // China
  'dfs.core.chinacloudapi.cn',   // China, file system
]

/** `{account}.blob.…` and the same account as a file system, `{account}.dfs.…`, in the public and national clouds. */
const hosts: readonly HostPattern[] = domains.map(domain => ({ pattern: `*.${domain}`, role: 'storage' }))

const WIRE = 'rclone, recorded'
const DOC = 'Blob service REST reference'
const DFS = 'Data Lake Storage Gen2 REST reference'
const unproven = { unproven: true }

const BLOB = '/{container}/**'

/**
 * `comp` says what a request is about, `restype` and `resource` what it addresses. Size: `Content-Length`; of a session
 * nothing tells the whole. Name: the path. Who has a signed address (`sig=`) needs no credential.
 */
const endpoints: readonly Endpoint[] = [
  row('OPTIONS', '/**', 'other', 'single', DOC, unproven),
  row('PUT', BLOB, 'share', 'single', DOC, { query: ['restype=container', 'comp=acl'], ...unproven }),
  row('PUT', BLOB, 'change', 'single', WIRE, { query: ['restype=container'] }),
  row('PUT', '/', 'change', 'single', DOC, { query: ['restype=service'], ...unproven }),
  row('PUT', BLOB, 'upload', 'chunk', WIRE, { query: ['comp=block'] }),
  row('PUT', BLOB, 'upload', 'finish', WIRE, { query: ['comp=blocklist'] }),
  row('PUT', BLOB, 'upload', 'chunk', DOC, { query: ['comp=appendblock'], ...unproven }),
  row('PUT', BLOB, 'upload', 'chunk', DOC, { query: ['comp=page'], ...unproven }),
  row('PUT', BLOB, 'upload', 'copy-in', DOC, { query: ['comp=incrementalcopy'], ...unproven }),
  row('PUT', BLOB, 'other', 'cancel', DOC, { query: ['comp=copy'], ...unproven }),
  ...['metadata', 'properties', 'tags', 'tier', 'lease', 'snapshot', 'undelete', 'expiry', 'immutabilityPolicies', 'legalhold', 'seal']
    .map(comp => row('PUT DELETE', BLOB, 'change', 'single', DOC, { query: [`comp=${comp.toLowerCase()}`], ...unproven })),

  row('PUT', BLOB, 'upload', 'start', DFS, { query: ['resource=file'], ...unproven }),
  row('PUT', BLOB, 'change', 'single', DFS, { query: ['resource=directory'], ...unproven }),
  row('PUT', BLOB, 'change', 'single', DFS, { query: ['resource=filesystem'], ...unproven }),
  row('PATCH PUT', BLOB, 'upload', 'chunk', DFS, { query: ['action=append'], ...unproven }),
  row('PATCH PUT', BLOB, 'upload', 'finish', DFS, { query: ['action=flush'], ...unproven }),
  row('PATCH', BLOB, 'share', 'single', DFS, { query: ['action=setaccesscontrol'], ...unproven }),
  row('PATCH', BLOB, 'share', 'single', DFS, { query: ['action=setaccesscontrolrecursive'], ...unproven }),
  row('PATCH', BLOB, 'change', 'single', DFS, { query: ['action=setproperties'], ...unproven }),
  row('GET HEAD', BLOB, 'list', 'single', DFS, { query: ['resource=filesystem'], ...unproven }),
  row('GET HEAD', '/', 'list', 'single', DFS, { query: ['resource=account'], ...unproven }),

  // rclone sends blocks; this is what the SDKs do with what is small.
  row('PUT', BLOB, 'upload', 'single', DOC, unproven),
  row('POST', '/**', 'delete', 'batch', DOC, { query: ['comp=batch'], ...unproven }),
  row('POST', BLOB, 'download', 'single', DOC, { query: ['comp=query'], ...unproven }),
  row('POST', '/', 'token', 'single', DOC, { query: ['comp=userdelegationkey'], ...unproven }),
  row('DELETE', BLOB, 'delete', 'single', WIRE),
  row('GET HEAD', '/**', 'list', 'single', WIRE, { query: ['comp'] }),
  row('GET HEAD', '/**', 'list', 'single', DOC, { query: ['restype'], ...unproven }),
  row('HEAD', BLOB, 'list', 'single', WIRE),
  row('GET', BLOB, 'download', 'single', WIRE),
]

/** `contoso.blob.…`, `contoso-secondary.blob.…` (its copy for reading), `contoso.z01.blob.storage.azure.net`. */
const accountOf = remember(host => host.slice(0, host.indexOf('.')).replace(/-secondary$/, ''), HOSTS)

function readHead(head: RequestHead, path: string): Recognition {
  const found = findEndpoint(endpoints, head, path)
  const tenantHint = accountOf(head.host)
  const base = { provider: 'azure-blob', activity: found?.activity ?? 'other', step: found?.step ?? 'single', tenantHint } as const
  if (found?.step === 'batch') {
    const unread = unreadBatch(head, recognition({ ...base, size: UNKNOWN }))
    return { ...unread, peek: isEncoded(head) || head.contentLength === 0 ? 0 : PEEK_LIMIT }
  }
  const isChange = found === undefined || found.activity !== 'upload' || movesOnly(head, found)
  if (isChange) {
    const activity = found?.activity === 'upload' ? 'change' : base.activity
    const step = found?.activity === 'upload' ? 'single' : base.step
    return explain(head, plainReading(head, 'azure-blob', activity, step, tenantHint))
  }
  if (head.headers.get('x-ms-copy-source') !== undefined) {
    return recognition({ ...base, step: 'copy-in', size: UNKNOWN, fileName: baseName(path) })
  }
  return readUpload(head, path, { ...base, size: UNKNOWN }, found)
}

/** A copy within the account, a rename, or pages that are cleared: nothing comes in, neither as a body nor from elsewhere. */
function movesOnly(head: RequestHead, found: Endpoint): boolean {
  // A service that does not know one of these headers passes it over, and keeps the body.
  if (head.contentLength !== 0) return false
  const source = head.headers.get('x-ms-copy-source')
  if (source !== undefined) return found.step !== 'copy-in' && isOn(head.host, source)
  // Clients rename with `resource` or without it.
  const isWhole = found.step === 'start' || found.step === 'single'
  if (isWhole && head.host.includes('.dfs.') && head.headers.get('x-ms-rename-source') !== undefined) return true
  return head.headers.get('x-ms-page-write')?.toLowerCase() === 'clear'
}

/** Whether an address names a host; most do so in the one way that needs no parsing. */
function isOn(host: string, address: string): boolean {
  return address.startsWith(`https://${host}/`) || URL.parse(address)?.hostname === host
}

function readUpload(head: RequestHead, path: string, base: Reading, found: Endpoint): Recognition {
  const fileName = baseName(path)
  // A blob is its own session: what was put and not yet committed belongs to its address.
  const address = `${base.tenantHint ?? ''}${path}`
  const session = address.length > 512 ? undefined : sessionId(address)
  const position = byteCount(queryValue(head.query, 'position'))
  const length = head.contentLength ?? 0
  switch (found.step) {
    case 'chunk': {
      const offset = position ?? offsetOf(head)
      const part = offset === undefined ? partId(queryValues(head.query, 'blockid')) : undefined
      return recognition({ ...base, size: atLeast((offset ?? 0) + length), offset, part, fileName, session })
    }
    case 'finish':
      return recognition({ ...base, size: position === undefined ? UNKNOWN : exactly(position + length), fileName, session })
    case 'start':
      return recognition({ ...base, size: atLeast(length), fileName, session })
    default:
      return readBlob(head, { ...base, fileName })
  }
}

/** Block blobs come whole; page and append blobs are made empty and filled by requests of their own. */
function readBlob(head: RequestHead, base: Reading): Recognition {
  const contentType = mediaType(head.headers.get('x-ms-blob-content-type') ?? head.headers.get('content-type'))
  const type = head.headers.get('x-ms-blob-type')?.toLowerCase()
  if (type !== 'pageblob' && type !== 'appendblob') return recognition({ ...base, contentType, size: bodySize(head.contentLength) })
  const declared = byteCount(head.headers.get('x-ms-blob-content-length'))
  const length = head.contentLength ?? 0
  return recognition({ ...base, step: 'start', contentType, size: declared === undefined ? atLeast(length) : exactly(Math.max(declared, length)) })
}

/** Where in the blob a range of pages or an appended block goes. */
function offsetOf(head: RequestHead): number | undefined {
  const range = head.headers.get('x-ms-range') ?? head.headers.get('range')
  return byteCount(/^bytes=(\d{1,16})-/i.exec(range ?? '')?.[1]) ?? byteCount(head.headers.get('x-ms-blob-condition-appendpos'))
}

function refineOne(head: RequestHead, path: string, body: Buffer, complete: boolean): Recognition {
  const first = readHead(head, path)
  if (first.peek === 0) return first
  const entries = isReadable(head, complete) ? mixedBatch(head, body) : undefined
  return readBatch(head, { ...first, peek: 0 }, entries, inner => strictest(inner, readHead))
}

/** Azure Blob Storage. The storage account, told by the host, is the place written to. */
export const azureBlob: ProviderModule = {
  id: 'azure-blob',
  account: 'azure',
  providers: ['azure-blob'],
  hosts,
  domains,
  endpoints: listed(endpoints),
  providerOf: () => 'azure-blob',
  keepsCodings: true,
  recognise: head => strictest(head, readHead),
  refine: (head, _first, body, complete) => strictest(head, (one, path) => refineOne(one, path, body, complete)),
}
