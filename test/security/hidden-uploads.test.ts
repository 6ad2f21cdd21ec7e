/** Uploads that are written so that a reader of requests might miss them, and the origin would not. */
import t from 'tap'
import { API, BLOCK_UPLOADS, CONTENT, UPLOAD, openHttp, upload } from '../e2e/wire.ts'
import { startWorld } from '../e2e/world.ts'

const GRAPH = 'graph.microsoft.com'
const world = await startWorld()
t.teardown(() => world.close())
t.beforeEach(async () => {
  await world.origin.reset()
  await world.setPolicy(BLOCK_UPLOADS)
})

async function statusOf(host: string, request: Buffer): Promise<number> {
  const wire = await openHttp(world, host)
  wire.write(request)
  const { status } = await wire.response()
  wire.close()
  return status
}

t.test('the path in every spelling', async t => {
  const spellings = [
    UPLOAD, '/2/files/%75pload', '/2/files/%55pload', '/%32/files/upload', '/2/files/x/../upload', '/2/files/./upload', '/2/files/x/%2e%2e/upload',
    '/2/files/x/%2E./upload', '//2/files/upload', '/2//files/upload', '/2/files//upload', '/2/files/upload/', '/2/files/upload?x=1', '/2/files/upload?',
    '/2/Files/Upload', '/../2/files/upload', '/2/files/alpha/upload', `https://${CONTENT}${UPLOAD}`,
  ]
  for (const path of spellings) t.equal(await statusOf(CONTENT, upload('secret', { path })), 403, path)
  t.strictSame(world.origin.requests(), [])
})

t.test('a path that some origin might decode further is an upload above 16 KiB', async t => {
  const odd = ['/2/files/%2575pload', '/2/files%2Fupload', '/2/files%252fupload', '/2/files/upload%00', '/2/files/%c0%afupload', '/2/files/;/upload',
    '/2/files/upload%20', '/2/files/upload%0d%0a', '/2/files/%u0075pload', '/2/files/upload.json']
  for (const path of odd) t.equal(await statusOf(CONTENT, upload('a'.repeat(20_000), { path })), 403, path)
  t.strictSame(world.origin.requests(), [])
})

t.test('another method than the one that counts', async t => {
  const put = (method: string, target: string, ...fields: readonly string[]): Buffer =>
    Buffer.from([`${method} ${target} HTTP/1.1`, `Host: ${GRAPH}`, 'Content-Length: 6', ...fields, '', 'secret'].join('\r\n'))
  const target = '/v1.0/me/drive/root:/a.txt:'
  t.not(await statusOf(GRAPH, put('POST', target)), 403, 'by itself it is no upload')
  await world.origin.reset()
  t.equal(await statusOf(GRAPH, put('PUT', target)), 403)
  for (const field of ['X-HTTP-Method-Override: PUT', 'X-HTTP-Method: put', 'x-method-override: PUT']) {
    t.equal(await statusOf(GRAPH, put('POST', target, field)), 403, field)
    t.equal(await statusOf(GRAPH, put('GET', target, field)), 403, `GET, ${field}`)
    t.equal(await statusOf(GRAPH, put('POST', target, field, `Connection: ${field.split(':')[0] ?? ''}`)), 403, `${field}, named in Connection`)
  }
  for (const query of ['?$httpMethod=PUT', '?_method=put', '?%24httpMethod=PUT']) t.equal(await statusOf(GRAPH, put('POST', target + query)), 403, query)
  t.strictSame(world.origin.requests(), [])
})

t.test('a Connection field strips nothing that policy decides by', async t => {
  await world.setPolicy({ default: 'allow', unknownTenant: 'allow', rules: [{ id: 'no-keys', when: { activity: 'upload', fileName: '*.key' }, action: 'block' }] })
  const names = 'Dropbox-API-Arg, content-length, Content-Type, host, authorization, user-agent, content-range, content-encoding, x-upload-content-length'
  t.equal(await statusOf(CONTENT, upload('secret', { name: 'a.key', fields: ['Content-Length: 6', `Connection: ${names}`] })), 403)
  t.strictSame(world.origin.requests(), [])
  t.equal(await statusOf(CONTENT, upload('secret', {
    name: 'a.txt', fields: ['Content-Length: 6', 'X-Upload-Content-Length: 6', 'X-Gone: 1', `Connection: ${names}, x-gone`],
  })), 200)
  const [seen] = world.origin.requests()
  t.match(seen, { bodyBytes: 6, complete: true })
  t.match(seen?.headers, { 'dropbox-api-arg': '{"path":"/a.txt"}', 'content-length': '6', 'x-upload-content-length': '6', authorization: 'Bearer t', host: CONTENT })
  t.equal(seen?.headers['x-gone'], undefined, 'what is of one hop stays here')
  t.match(world.origin.stored(), [{ name: 'a.txt', size: 6 }])
})

t.test('a body that nothing explains is an upload above 16 KiB, its length known or not', async t => {
  const paths = ['/2/unheard/of', '/2/files/list_folder', '/', '/2/files/get_metadata', '/x']
  const chunked = (bytes: number): string => `${(bytes / 2).toString(16)}\r\n${'a'.repeat(bytes / 2)}\r\n`.repeat(2) + '0\r\n\r\n'
  for (const path of paths) {
    t.equal(await statusOf(API, upload('a'.repeat(20_000), { host: API, path })), 403, `${path}, length known`)
    t.equal(await statusOf(API, upload(chunked(20_000), { host: API, path, fields: ['Transfer-Encoding: chunked'] })), 403, `${path}, length unknown`)
  }
  t.ok(world.origin.requests().every(({ bodyBytes, complete }) => bodyBytes <= 16_384 && !complete))
  const before = world.origin.requests().length
  for (const path of paths) {
    t.not(await statusOf(API, upload(chunked(10_000), { host: API, path, fields: ['Transfer-Encoding: chunked'] })), 403, `${path}, small`)
  }
  t.equal(world.origin.requests().length, before + paths.length)
})

t.test('a GET with a large body, and a body under a coding', async t => {
  const large = 'a'.repeat(20_000)
  const get = Buffer.from(`GET /2/files/list_folder HTTP/1.1\r\nHost: ${API}\r\nContent-Length: ${large.length}\r\n\r\n${large}`)
  t.equal(await statusOf(API, get), 403)
  t.equal(await statusOf(API, upload(large, { host: API, path: '/2/files/move_v2', fields: [`Content-Length: ${large.length}`, 'Content-Encoding: gzip'] })), 403)
  t.strictSame(world.origin.requests(), [])
})
