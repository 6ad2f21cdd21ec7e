import { row } from './endpoints.ts'
import type { Endpoint, HostPattern } from './provider.ts'
import { tableModule } from './table.ts'

/** What the certificate authority must be able to sign for. */
const domains: readonly string[] = [
  'wetransfer.com', // web page and API
  'wetransfer.net', // content
  'we.tl',          // short links
]

const hosts: readonly HostPattern[] = [
  { pattern: 'wetransfer.com', role: 'storage' },
  // API, downloads, and pages of one company.
  { pattern: '*.wetransfer.com', role: 'storage' },
  { pattern: '*.wetransfer.net', role: 'storage' },
  { pattern: 'auth.wetransfer.com', role: 'sign-in' },
]

const PAGE = 'third-party code, may be stale'
const API = 'WeTransfer API reference, retired'
const STORM = 'web page; not verified on the wire'
/** No client of this provider was recorded. */
const unproven = true

const FILES = { size: { json: 'files[].size' }, name: { json: 'files[].name' }, unproven } as const
const FILE = { size: { json: 'size' }, name: { json: 'name' }, unproven } as const
const CHUNK = { size: { json: 'chunk_size' }, session: { path: 'session' }, unproven } as const
/** Files are named before their blocks are sent, with the lengths of these only where it is asked whether they would be taken. */
const ITEMS = { size: { json: 'items[].blocks[].content_length' }, name: { json: 'items[].path' }, unproven } as const
const BLOCKS = { size: { json: 'blocks[].content_length' }, unproven } as const
const SESSION = { session: { path: 'session' }, unproven } as const

/**
 * A transfer is opened with the names and sizes of its files; each part gets an address in a bucket of Amazon S3, where
 * the content goes (`s3.ts` sees it), and is then put together here.
 */
const endpoints: readonly Endpoint[] = [
  row('OPTIONS', '/**', 'other', 'single', 'CORS preflight of the web page', { unproven }),
  row('POST', '/api/v4/transfers/link', 'upload', 'start', PAGE, FILES),
  row('POST', '/api/v4/transfers/email', 'upload', 'start', PAGE, FILES),
  row('POST', '/api/v4/transfers/{session}/files', 'upload', 'start', PAGE, { ...FILE, ...SESSION }),
  row('POST', '/api/v4/transfers/{session}/files/{file}/part-put-url', 'upload', 'link', PAGE, CHUNK),
  row('PUT POST', '/api/v4/transfers/{session}/files/{file}/finalize-mpp', 'upload', 'finish', PAGE, SESSION),
  row('PUT POST', '/api/v4/transfers/{session}/finalize', 'upload', 'finish', PAGE, SESSION),
  row('POST', '/v2/transfers', 'upload', 'start', API, FILES),
  row('POST', '/v2/boards/{session}/files', 'upload', 'start', API, { ...SESSION, size: { json: '[].size' }, name: { json: '[].name' } }),
  row('GET', '/v2/*/{session}/files/{file}/upload-url/**', 'upload', 'link', API, SESSION),
  row('PUT', '/v2/*/{session}/files/{file}/upload-complete', 'upload', 'finish', API, SESSION),
  row('PUT', '/v2/transfers/{session}/finalize', 'upload', 'finish', API, SESSION),
  row('POST', '/api/v2/batch/**', 'upload', 'start', STORM, { ...ITEMS, hosts: ['*.wetransfer.net'] }),
  row('POST', '/api/v2/blocks', 'upload', 'link', STORM, { ...BLOCKS, hosts: ['*.wetransfer.net'] }),
  row('PUT', '/**', 'upload', 'single', STORM, { hosts: ['*.wetransfer.net'], unproven }),

  row('POST', '/api/v4/transfers/{session}/download', 'download', 'single', PAGE, { unproven }),
  row('GET HEAD', '/**', 'download', 'single', PAGE, { hosts: ['download.wetransfer.com'], unproven }),
  row('DELETE', '/api/v4/transfers/**', 'delete', 'single', PAGE, { unproven }),
  row('PUT PATCH', '/api/v4/transfers/**', 'change', 'single', PAGE, { unproven }),
  // Says whether a password is needed; the address to fetch from comes with `download`.
  row('POST', '/api/v4/transfers/{session}/prepare-download', 'list', 'single', PAGE, { unproven }),
  // The code that was sent by mail to who uploads.
  row('POST', '/api/v4/transfers/{session}/verify', 'change', 'single', PAGE, { unproven }),
  row('GET HEAD', '/api/v4/**', 'list', 'single', PAGE, { unproven }),
  row('POST', '/v2/boards', 'change', 'single', API, { unproven }),
  row('POST', '/v2/boards/{board}/links', 'change', 'single', API, { unproven }),
  row('GET HEAD', '/v2/**', 'list', 'single', API, { unproven }),
  row('POST', '/v2/authorize', 'token', 'single', API, { unproven }),
  row('GET POST', '/oauth/token', 'token', 'single', STORM, { unproven }),
]

export const wetransfer = tableModule({
  id: 'wetransfer', account: 'wetransfer', hosts, domains, endpoints,
})
