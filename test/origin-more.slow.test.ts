/** The stand-ins of the further services, under Debian's rclone, unmodified, without Sluice between. */
import t from 'tap'
import { makeFile, sha256File } from './origin/bytes.ts'
import { startOrigin } from './origin/origin.ts'
import { rclone, noRclone } from './origin/rclone.ts'
import { ask } from './origin/requests.ts'
import { startTunnel } from './origin/tunnel.ts'

const SMALL = 1000

/** Remote, the provider it stores at, where its files are, the size of a file that goes up in parts, and their host. */
const REMOTES = [
  { remote: 'box:', provider: 'box', root: '', large: 53_000_000, host: 'upload.box.com', parts: 7 },
  { remote: 's3:contoso-files', provider: 's3', root: '/contoso-files', large: 12_000_000, host: 'contoso-files.s3.us-east-1.amazonaws.com', parts: 3 },
  { remote: 'azure:files', provider: 'azure-blob', root: '/contosofiles/files', large: 9_000_000, host: 'contosofiles.blob.core.windows.net', parts: 3 },
  { remote: 'gcs:contoso-files', provider: 'gcs', root: '/contoso-files', large: 17_000_000, host: 'storage.googleapis.com', parts: 2 },
  // This rclone does not cut files for WebDAV.
  { remote: 'webdav:', provider: 'webdav', root: '', large: 5_000_000, host: 'dav.example', parts: 1 },
  { remote: 'nextcloud:', provider: 'webdav', root: '', large: 5_000_000, host: 'cloud.example', parts: 1 },
] as const

const skip = noRclone()
const origin = await startOrigin()
const tunnel = await startTunnel(origin)
t.teardown(async () => {
  await tunnel.close()
  await origin.close()
})

for (const { remote, provider, root, large, host, parts } of REMOTES) {
  t.test(`rclone copies to, lists, copies back from and deletes at ${remote}`, { skip }, async t => {
    await origin.reset()
    const dir = t.testdir()
    const run = async (...args: string[]): Promise<string> => {
      const { code, stdout, stderr } = await rclone(args, { proxy: tunnel.url, caFile: origin.caFile, timeoutMs: 100_000 })
      t.equal(code, 0, `rclone ${args[0] ?? ''}: ${stderr}`)
      return stdout
    }
    const files = [await makeFile(SMALL, { dir, name: 'small.bin' }), await makeFile(large, { dir, name: 'snö + 100% large.bin' })]
    const at = remote.endsWith(':') ? `${remote}up/deep` : `${remote}/up/deep`
    for (const file of files) await run('copy', file.path, at)

    const stored = origin.stored().map(({ provider, path, size, sha256 }) => ({ provider, path, size, sha256 }))
    t.same(stored.sort((a, b) => a.size - b.size), files.map(({ path, size, sha256 }) =>
      ({ provider, path: `${root}/up/deep/${path.slice(dir.length + 1)}`, size, sha256 })))
    const arrived = origin.requests().filter(({ content, bodyBytes }) => content && bodyBytes > SMALL * 2)
    t.equal(arrived.filter(({ bodyBytes }) => bodyBytes > 100_000).length, parts, 'parts of the large file')
    t.ok(arrived.every(request => request.host === host), `all to ${host}`)
    t.ok(origin.fileBytes() >= SMALL + large && origin.fileBytes() < SMALL + large + 10_000, `${origin.fileBytes()} bytes`)

    const listed = (await run('lsf', '-R', '--files-only', remote)).trim().split('\n').sort()
    t.same(listed, ['up/deep/small.bin', 'up/deep/snö + 100% large.bin'])
    for (const { path, sha256 } of files) {
      const back = `${path}.back`
      await run('copyto', `${at}/${path.slice(dir.length + 1)}`, back)
      t.equal(await sha256File(back), sha256, 'came back byte-identical')
    }
    await run('copyto', `${at}/small.bin`, `${at}/copy.bin`)
    await run('deletefile', `${at}/small.bin`)
    t.same(origin.stored().map(({ name }) => name).sort(), ['copy.bin', 'snö + 100% large.bin'])
  })
}

t.test('Nextcloud puts chunks together, in the order of their names, and only if they make the whole', async t => {
  await origin.reset()
  const auth = { authorization: `Basic ${Buffer.from('fay:FAKE-password').toString('base64')}` }
  const base = 'https://cloud.example/remote.php/dav'
  const call = async (method: string, path: string, headers: Record<string, string> = {}, body = ''): Promise<number> =>
    (await ask(origin, `${base}${path}`, { method, body, headers: { ...auth, ...headers } })).status
  const destination = `${base}/files/fay/whole%20file.txt`
  t.equal(await call('PUT', '/uploads/fay/u1/1', {}, 'x'), 404, 'no upload was begun')
  t.equal(await call('MKCOL', '/uploads/fay/u1'), 201)
  t.equal(await call('PUT', '/uploads/fay/u1/10', {}, 'last'), 201)
  t.equal(await call('PUT', '/uploads/fay/u1/2', {}, 'second, '), 201)
  t.equal(await call('PUT', '/uploads/fay/u1/1', {}, 'first, '), 201)
  t.equal(await call('MOVE', '/uploads/fay/u1/.file', { destination, 'oc-total-length': '20' }), 400, 'they do not sum up')
  t.equal(await call('MOVE', '/uploads/fay/u1/.file', { destination, 'oc-total-length': '19' }), 201)
  t.match(origin.stored(), [{ provider: 'webdav', path: '/whole file.txt', size: 19 }])
  t.equal((await ask(origin, destination, { headers: auth })).text, 'first, second, last')
  t.equal(await call('MOVE', '/uploads/fay/u1/.file', { destination }), 404, 'the upload is over')
  t.equal(origin.fileBytes(), 20, 'the chunks, and the one that came too early')
})

t.test('WebDAV locks, refuses what has no folder, and what it may not overwrite', async t => {
  await origin.reset()
  const auth = { authorization: `Basic ${Buffer.from('fay:FAKE-password').toString('base64')}` }
  const call = (method: string, path: string, headers: Record<string, string> = {}, body = ''): Promise<Awaited<ReturnType<typeof ask>>> =>
    ask(origin, `https://dav.example/dav${path}`, { method, body, headers: { ...auth, ...headers } })
  t.match(await call('OPTIONS', '/'), { status: 200, headers: { dav: /1, 2/ } })
  t.match(await call('LOCK', '/a.txt', {}, '<d:lockinfo xmlns:d="DAV:"/>'), { status: 201, headers: { 'lock-token': /^<opaquelocktoken:/ } })
  t.equal((await call('PUT', '/a.txt', {}, 'a')).status, 201)
  t.equal((await call('PUT', '/nowhere/a.txt', {}, 'a')).status, 409)
  t.equal((await call('PUT', '/a.txt', { 'content-range': 'bytes 0-0/1' }, 'a')).status, 400)
  t.equal((await call('PROPFIND', '/')).status, 403, 'of infinite depth')
  t.match(await call('PROPFIND', '/', { depth: '1' }), { status: 207, text: /<d:href>\/dav\/a.txt<\/d:href>/ })
  t.equal((await call('PUT', '/b.txt', {}, 'b')).status, 201)
  t.equal((await call('MOVE', '/a.txt', { destination: 'https://dav.example/dav/b.txt', overwrite: 'F' })).status, 412)
  t.equal((await call('MOVE', '/a.txt', { destination: 'https://dav.example/dav/b.txt' })).status, 204)
  t.match(origin.stored(), [{ path: '/b.txt', size: 1 }])
  t.equal((await call('MOVE', '/b.txt', { destination: 'https://cloud.example/dav/b.txt' })).status, 400, 'to another server')
})
