import { once } from 'node:events'
import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import tls from 'node:tls'
import { pino } from 'pino'
import t from 'tap'
import type { Test } from 'tap'
import { loadConfig } from '../../proxy/config.ts'
import { startSluice } from '../../proxy/main.ts'
import type { Running } from '../../proxy/main.ts'
import { makeAuthority } from '../e2e/tls-server.ts'

const TOKEN = 'a-token-of-some-length'

async function start(t: Test, dir: string, admin: Record<string, unknown>): Promise<Running> {
  const file = join(dir, 'sluice.yaml')
  writeFileSync(file, JSON.stringify({
    proxy: { listen: '127.0.0.1:0', drain: '0s' }, store: `embedded:${join(dir, 'store')}`, certs: { dir: join(dir, 'ca') },
    events: { sinks: [] }, admin: { listen: '127.0.0.1:0', ...admin },
  }))
  const sluice = await startSluice(loadConfig({ file, env: { SLUICE_ADMIN_TOKEN: TOKEN } }), pino({ level: 'silent' }))
  t.teardown(() => sluice.close())
  return sluice
}

/** Connects and answers the certificate's serial number and the protocol, or the error's code. */
async function connect(address: string, options: tls.ConnectionOptions): Promise<{ serial?: string; protocol?: string | null; error?: string }> {
  const socket = tls.connect({ port: Number(address.split(':').at(-1)), host: '127.0.0.1', servername: 'admin.example', ...options })
  try {
    await once(socket, 'secureConnect')
    return { serial: socket.getPeerCertificate().serialNumber, protocol: socket.getProtocol() }
  } catch (error) {
    return { error: error instanceof Error && 'code' in error ? String(error.code) : String(error) }
  } finally {
    socket.destroy()
  }
}

async function ask(address: string, ca: string): Promise<string> {
  const socket = tls.connect({ port: Number(address.split(':').at(-1)), host: '127.0.0.1', servername: 'admin.example', ca })
  socket.write(`GET /v1/policy HTTP/1.1\r\nHost: admin.example\r\nAuthorization: Bearer ${TOKEN}\r\nConnection: close\r\n\r\n`)
  let text = ''
  socket.on('data', (chunk: Buffer) => { text += chunk.toString('latin1') })
  await once(socket, 'close')
  return text
}

t.test('admin.tls: the API is HTTPS from TLS 1.2 on, and a reload takes over a renewed certificate', async (t) => {
  const authority = await makeAuthority()
  t.teardown(() => authority.close())
  const dir = t.testdir()
  const files = { cert: join(dir, 'cert.pem'), key: join(dir, 'key.pem') }
  const renew = (): void => {
    const leaf = authority.leaf({ names: ['admin.example'] })
    writeFileSync(files.cert, leaf.cert)
    writeFileSync(files.key, leaf.key)
  }
  renew()
  const sluice = await start(t, dir, { tls: files })
  const { admin } = sluice.addresses
  t.match(sluice.announcement, `https://${admin}`)
  t.match(await ask(admin, authority.pem), /^HTTP\/1\.1 200 /)
  const first = await connect(admin, { ca: authority.pem })
  t.match(first, { serial: /./, protocol: 'TLSv1.3' })
  t.match(await connect(admin, { ca: authority.pem, maxVersion: 'TLSv1.2' }), { protocol: 'TLSv1.2' })
  t.match(await connect(admin, { ca: authority.pem, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }), { error: /./ })
  t.match(await connect(admin, {}), { error: /./ }, 'it is the given certificate, of no authority that all trust')
  renew()
  await sluice.reload()
  const second = await connect(admin, { ca: authority.pem })
  t.match(second, { serial: /./ })
  t.not(second.serial, first.serial)
  writeFileSync(files.key, 'nothing')
  await t.rejects(sluice.reload(), { code: 'config.invalid', message: /admin\.tls/ })
  t.equal((await connect(admin, { ca: authority.pem })).serial, second.serial, 'all stays as it was')
  await t.rejects(fetch(`http://${admin}/healthz`), 'no plain HTTP')
})

t.test('files that are no pair keep it from starting, and name the key', async (t) => {
  const authority = await makeAuthority()
  t.teardown(() => authority.close())
  const dir = t.testdir()
  const leaf = authority.leaf({ names: ['admin.example'] })
  writeFileSync(join(dir, 'cert.pem'), leaf.cert)
  copyFileSync(authority.file, join(dir, 'key.pem'))
  const tlsFiles = { cert: join(dir, 'cert.pem'), key: join(dir, 'key.pem') }
  await t.rejects(start(t, dir, { tls: tlsFiles }), { code: 'config.invalid', message: /admin\.tls/ })
  await t.rejects(start(t, dir, { tls: { ...tlsFiles, key: join(dir, 'nowhere.pem') } }), { code: 'config.unreadable', message: /admin\.tls\.key/ })
})

t.test('behind a reverse proxy each client is locked out, and limited, for itself', async (t) => {
  const { admin } = (await start(t, t.testdir(), { trustedPeers: ['127.0.0.1'], limits: { perAddress: 30 } })).addresses
  const ask = async (client: string, token: string) => {
    const answer = await fetch(`http://${admin}/v1/whoami`, { headers: { authorization: `Bearer ${token}`, 'x-forwarded-for': `127.0.0.1, ${client}` } })
    return [answer.status, (await answer.json() as { code?: string }).code, answer.headers.has('retry-after')]
  }
  for (let i = 0; i < 10; i++) t.strictSame(await ask('203.0.113.1', 'slc_guess'), [401, 'admin.unauthorised', false])
  t.strictSame(await ask('203.0.113.1', TOKEN), [429, 'admin.locked-out', true])
  for (let i = 0; i < 30; i++) t.strictSame(await ask('203.0.113.2', TOKEN), [200, undefined, false])
  t.strictSame(await ask('203.0.113.2', TOKEN), [429, 'admin.too-many-requests', true])
  t.strictSame(await ask('203.0.113.3', TOKEN), [200, undefined, false])
  const metrics = await (await fetch(`http://${admin}/metrics`)).text()
  t.match(metrics, /^sluice_admin_refused_total\{code="admin\.unauthorised"\} 10$/m)
  t.match(metrics, /^sluice_admin_refused_total\{code="admin\.locked-out"\} 1$/m)
})

t.test('admin.healthListen: health and metrics at an address of their own, and nothing else', async (t) => {
  const { admin, health } = (await start(t, t.testdir(), { healthListen: '127.0.0.1:0' })).addresses
  t.not(health, admin)
  const ask = (path: string, method = 'GET') => fetch(`http://${health}${path}`, { method, headers: { authorization: `Bearer ${TOKEN}` } })
  t.match(await (await ask('/healthz')).json(), { status: 'ok' })
  t.match(await (await ask('/readyz')).json(), { ready: true })
  t.match(await (await ask('/metrics')).text(), /^sluice_store_up 1$/m)
  for (const path of ['/v1/policy', '/v1/tokens', '/openapi.json', '/docs']) {
    const answer = await ask(path)
    t.match([answer.status, await answer.json()], [404, { code: 'admin.not-found' }], path)
  }
  const posted = await ask('/metrics', 'POST')
  t.match([posted.status, posted.headers.get('allow'), await posted.json()], [405, 'GET, HEAD', { code: 'admin.wrong-method' }])
})

t.test('a taken health address is told by its key, and the admin API closes again', async (t) => {
  const { admin, health } = (await start(t, t.testdir(), { healthListen: '127.0.0.1:0' })).addresses
  t.ok(health)
  await t.rejects(start(t, t.testdir(), { healthListen: health }), { code: 'listen.in-use', remedy: /admin\.healthListen/ })
  await t.rejects(start(t, t.testdir(), { healthListen: admin, listen: admin }), { code: 'config.invalid', message: /names .* a second time/ })
})
