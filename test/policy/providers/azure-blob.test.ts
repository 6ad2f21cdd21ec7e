import t from 'tap'
import { catalogue } from '../../../policy/providers/index.ts'
import { operation, verdict } from './cases.ts'

const blob = 'contoso.blob.core.windows.net/c/d/a%20b.txt'
const file = 'contoso.dfs.core.windows.net/fs/d/a.txt'

t.test('hosts', async t => {
  for (const host of ['a.blob.core.windows.net', 'a.dfs.core.windows.net', 'a.z01.blob.storage.azure.net', 'a.blob.core.usgovcloudapi.net']) {
    t.equal(catalogue.find(host)?.module.id, 'azure-blob', host)
  }
  for (const host of ['a.queue.core.windows.net', 'blob.core.windows.net', 'management.azure.com']) t.equal(catalogue.find(host), undefined, host)
})

t.test('every way in is an upload', async t => {
  for (const [request, wanted, headers] of [
    [`PUT ${blob}`, 'upload single', { 'x-ms-blob-type': 'BlockBlob' }],
    [`PUT ${blob}?sv=1&sig=x`, 'upload single', { 'x-ms-blob-type': 'BlockBlob' }],
    [`PUT ${blob}?comp=block&blockid=AA`, 'upload chunk', {}],
    [`PUT ${blob}?comp=BlockList`, 'upload finish', {}],
    [`PUT ${blob}?comp=appendblock`, 'upload chunk', {}],
    [`PUT ${blob}?comp=page`, 'upload chunk', { 'x-ms-page-write': 'update', 'x-ms-range': 'bytes=512-1023' }],
    [`PUT ${blob}`, 'upload start', { 'x-ms-blob-type': 'PageBlob', 'x-ms-blob-content-length': '1024' }],
    [`PUT ${blob}`, 'upload copy-in', { 'x-ms-copy-source': 'https://other.blob.core.windows.net/c/a.txt' }],
    [`PUT ${blob}?comp=block&blockid=AA`, 'upload copy-in', { 'x-ms-copy-source': 'https://example.com/a.txt' }],
    [`PUT ${file}?resource=file`, 'upload start', {}],
    [`PATCH ${file}?action=append&position=10`, 'upload chunk', {}],
    [`PATCH ${file}?action=flush&position=30`, 'upload finish', {}],
    [`POST ${file}?action=append&position=0`, 'upload chunk', { 'x-http-method-override': 'PATCH' }],
    [`PUT ${blob}?comp=newer`, 'upload single', {}],
  ] as const) t.equal(verdict({ request, headers, length: 10 }), wanted, request)
})

t.test('size, name, session, place', async t => {
  t.match(
    operation({ request: `PUT ${blob}`, headers: { 'x-ms-blob-type': 'BlockBlob', 'x-ms-blob-content-type': 'text/csv' }, length: 70 }),
    { tenantHint: 'contoso', fileName: 'a b.txt', size: { bytes: 70, is: 'exact' }, contentType: 'text/csv' },
  )
  const block = operation({ request: `PUT ${blob}?comp=block&blockid=AA`, length: 70 })
  t.match(block, { session: 'contoso/c/d/a b.txt', part: 'AA', size: { bytes: 70, is: 'at-least' } })
  t.equal(operation({ request: `PUT ${blob}?comp=blocklist`, length: 70 }).session, block.session)
  t.match(operation({ request: `PATCH ${file}?action=append&position=10`, length: 20 }), { offset: 10, size: { bytes: 30, is: 'at-least' } })
  t.match(operation({ request: `PATCH ${file}?action=flush&position=30`, length: 0 }), { size: { bytes: 30, is: 'exact' } })
  const page = { request: `PUT ${blob}?comp=page`, headers: { 'x-ms-range': 'bytes=512-1023' }, length: 512 }
  t.match(operation(page), { offset: 512, size: { bytes: 1024, is: 'at-least' } })
  t.equal(operation(page).part, undefined, 'it has a place')
  t.equal(operation({ request: `PUT ${blob}?comp=appendblock`, length: 10 }).part, undefined, 'what is appended again is there twice')
  t.equal(operation({ request: 'PUT contoso-secondary.blob.core.windows.net/c/a', length: 1 }).tenantHint, 'contoso')
})

t.test('near-misses', async t => {
  const moved = { 'x-ms-copy-source': 'https://contoso.blob.core.windows.net/c/a.txt' }
  for (const [request, wanted, headers] of [
    [`PUT ${blob}`, 'change single', moved],
    [`PUT ${file}?resource=file`, 'change single', { 'x-ms-rename-source': '/fs/old' }],
    ['PUT contoso.dfs.core.windows.net/fs/new?mode=legacy', 'change single', { 'x-ms-rename-source': '/fs/old' }],
    ['GET contoso.dfs.core.windows.net/?resource=account', 'list single', {}],
    [`PUT ${blob}?comp=page`, 'change single', { 'x-ms-page-write': 'clear' }],
    [`PUT ${blob}?comp=metadata`, 'change single', {}],
    [`PUT ${blob}?comp=lease`, 'change single', {}],
    ['PUT contoso.blob.core.windows.net/c?restype=container', 'change single', {}],
    ['PUT contoso.blob.core.windows.net/c?restype=container&comp=acl', 'share single', {}],
    ['GET contoso.blob.core.windows.net/c?restype=container&comp=list', 'list single', {}],
    ['GET contoso.blob.core.windows.net/?comp=list', 'list single', {}],
    [`GET ${blob}`, 'download single', {}],
    [`GET ${blob}?comp=blocklist`, 'list single', {}],
    [`HEAD ${blob}`, 'list single', {}],
    [`DELETE ${blob}`, 'delete single', {}],
    [`POST ${blob}?comp=query`, 'download single', {}],
    ['POST contoso.blob.core.windows.net/?restype=service&comp=userdelegationkey', 'token single', {}],
    [`PUT ${blob}?comp=copy&copyid=1`, 'other cancel', {}],
  ] as const) t.equal(verdict({ request, headers, length: 0 }), wanted, request)
  t.equal(verdict({ request: `PUT ${blob}?comp=metadata`, length: 20_000 }), 'upload single unexplained-body')
})

t.test('a header that a service passes over hides no content', async t => {
  const rename = { 'x-ms-rename-source': '/fs/old' }
  const elsewhere = { 'x-ms-copy-source': 'https://example.com/a.txt' }
  const type = { 'x-ms-blob-type': 'BlockBlob' }
  for (const [request, wanted, headers, length] of [
    [`PUT ${file}?mode=legacy`, 'upload single', rename, 10],
    [`PUT ${file}?mode=legacy`, 'upload single', rename, null],
    [`PUT ${file}?resource=file`, 'upload start', rename, 10],
    [`PUT ${blob}?resource=file`, 'upload start', { ...rename, ...type }, 0],
    [`PUT ${blob}`, 'upload single', { ...rename, ...type }, 0],
    [`PUT ${blob}`, 'upload copy-in', { ...rename, ...elsewhere }, 0],
    [`PUT ${file}`, 'upload copy-in', { ...rename, ...elsewhere }, 0],
    [`PUT ${blob}`, 'upload copy-in', { 'x-ms-page-write': 'clear', ...elsewhere }, 0],
    [`PUT ${blob}`, 'upload single', { 'x-ms-page-write': 'clear', ...type }, 10],
  ] as const) t.equal(verdict({ request, headers, length }), wanted, `${request} ${JSON.stringify(headers)} ${length}`)
})

t.test('a batch is read by what it holds', async t => {
  const headers = { 'content-type': 'multipart/mixed; boundary=b' }
  const request = 'POST contoso.blob.core.windows.net/?comp=batch'
  const body = '--b\r\nContent-Type: application/http\r\n\r\nDELETE /c/a.txt HTTP/1.1\r\n\r\n--b--'
  t.equal(verdict({ request, headers, body }), 'delete batch')
  t.equal(verdict({ request, headers, body: body.replace('DELETE', 'PUT') }), 'upload batch')
  const both = (...methods: string[]) => `${methods.map(method => body.replace('DELETE', method).replace('--b--', '')).join('')}--b--`
  t.equal(verdict({ request, headers, body: both('DELETE', 'PUT') }), 'upload batch', 'the strictest counts')
  t.equal(verdict({ request, headers, body: both('PUT', 'DELETE') }), 'upload batch', 'wherever it stands')
  t.equal(verdict({ request, headers, body: 'nothing' }), 'upload batch unexplained-body')
})
