/** Which answers teach whose a credential is: only a provider's own, over TLS, whole, with a status that says it is so. */
import { request } from 'node:http'
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import t from 'tap'
import { ACCOUNTS, opaqueToken } from '../origin/accounts.ts'
import { googleIdToken, keySet, microsoftToken } from '../origin/signed-tokens.ts'
import { KEY_HOST, startTeacher, TOKEN_HOST } from './teacher.ts'
import { bearer, latest, send, startStrict, uploads } from './tenant-world.ts'

const teacher = await startTeacher()
t.teardown(teacher.close)
const world = await startStrict((origin) => ({
  upstream: { hosts: { ...origin.upstreamHosts(), ...teacher.hosts }, ca: [origin.caFile, teacher.caFile] },
}))
t.teardown(world.close)

const TOKEN_URL = `https://${TOKEN_HOST}/token`
const FORM = [['content-type', 'application/x-www-form-urlencoded']] as const
const JSON_TYPE = { 'content-type': 'application/json' }

let issued = 100
/** Contoso's, of which nothing was heard yet. */
const nextToken = (): string => opaqueToken('contoso', 'google', ++issued)

function tokenAnswer(token: string, more: Record<string, unknown> = {}): Buffer {
  const id_token = googleIdToken(ACCOUNTS.contoso)
  return Buffer.from(JSON.stringify({ access_token: token, token_type: 'Bearer', expires_in: 3599, id_token, ...more }))
}

function answers(status: number, headers: OutgoingHttpHeaders, body: Buffer): (response: ServerResponse) => void {
  const length = 'transfer-encoding' in headers ? {} : { 'content-length': body.length }
  return (response) => { response.writeHead(status, { ...JSON_TYPE, ...length, ...headers }).end(body) }
}

/** What an upload with the token is then. */
async function worth(token: string): Promise<unknown> {
  const before = world.origin.fileBytes()
  const { status } = await uploads.google(world, [bearer(token)])
  const { standing, how } = (await latest(world))?.tenant ?? {}
  return { status, standing, how, fileBytes: world.origin.fileBytes() - before }
}

const ask = (url = TOKEN_URL): Promise<unknown> => send(world, url, { method: 'POST', fields: FORM, body: 'grant_type=refresh_token' })

for (const [coding, encode] of [['identity', (body: Buffer) => body], ['gzip', gzipSync], ['br', brotliCompressSync]] as const) {
  t.test(`a token answer teaches, in the coding ${coding}`, async (t) => {
    const token = nextToken()
    teacher.answer = answers(200, coding === 'identity' ? {} : { 'content-encoding': coding }, encode(tokenAnswer(token)))
    await ask()
    t.match(await worth(token), { status: 200, standing: 'sanctioned', how: 'learned' })
  })
}

const LARGE = { padding: 'x'.repeat(70_000) }
type Make = (body: Buffer) => (response: ServerResponse) => void
const NONE: ReadonlyArray<readonly [what: string, make: Make, more?: Record<string, unknown>]> = [
  ...[203, 206, 302, 400, 401, 500].map((status) => [`status ${status}`, (body: Buffer) => answers(status, {}, body)] as const),
  ['a body that is too large', (body) => answers(200, {}, body), LARGE],
  ['one of no told length that is too large', (body) => answers(200, { 'transfer-encoding': 'chunked' }, body), LARGE],
  ['one that is too large once it is decoded', (body) => answers(200, { 'content-encoding': 'gzip' }, gzipSync(body)), LARGE],
  ['one that does not decode', (body) => answers(200, { 'content-encoding': 'gzip' }, body)],
  ['one in a coding that is not known', (body) => answers(200, { 'content-encoding': 'x-own' }, body)],
  ['one that breaks off', (body) => (response) => {
    response.writeHead(200, { ...JSON_TYPE, 'content-length': body.length + 1 })
    response.write(body, () => response.destroy())
  }],
  ['one that is no JSON', (body) => answers(200, { 'content-type': 'text/html' }, body)],
]

for (const [what, make, more] of NONE) {
  t.test(`${what} teaches nothing`, async (t) => {
    const token = nextToken()
    teacher.answer = make(tokenAnswer(token, more))
    await ask().catch(() => undefined) // an answer that breaks off breaks off here too
    t.match(await worth(token), { status: 403, standing: 'unknown', how: 'none', fileBytes: 0 })
  })
}

for (const path of ['/token?access_token=x', '/tokeninfo', '/token/', '/token;x', '/x/..%2ftoken', '//token']) {
  t.test(`the same answer at ${path} teaches nothing`, async (t) => {
    const token = nextToken()
    teacher.answer = answers(200, {}, tokenAnswer(token))
    await ask(`https://${TOKEN_HOST}${path}`)
    t.match(await worth(token), { status: 403, standing: 'unknown', how: 'none', fileBytes: 0 })
  })
}

/** Has the proxy pass on a request over plain HTTP; resolves with the status. */
function overHttp(method: string, host: string, path: string): Promise<number> {
  const { hostname, port } = new URL(world.proxy)
  return new Promise((resolve, reject) => {
    request({ hostname, port, method, path: `http://${host}${path}`, headers: { host } }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode ?? 0))
    }).once('error', reject).end()
  })
}

t.test('the same answer over plain HTTP teaches nothing', async (t) => {
  const token = nextToken()
  teacher.answer = answers(200, {}, tokenAnswer(token))
  t.equal(await overHttp('POST', TOKEN_HOST, '/token'), 200, 'it passes')
  t.match(await worth(token), { status: 403, standing: 'unknown', how: 'none', fileBytes: 0 })
})

t.test('a key set teaches from the address that all directories share, over TLS, with a status of 2xx', async (t) => {
  const keys = Buffer.from(JSON.stringify(keySet('microsoft')))
  const path = '/common/discovery/v2.0/keys'
  const verdict = async (): Promise<unknown> => {
    const { status } = await uploads.microsoft(world, [bearer(microsoftToken(ACCOUNTS.contoso))])
    const { tenant, reasons } = await latest(world) ?? {}
    return { status, standing: tenant?.standing, reasons }
  }
  const unverified = { status: 403, standing: 'unknown', reasons: ['tenant-from-credential', 'credential-not-verified', 'unknown-tenant'] }
  for (const status of [302, 404, 500]) {
    teacher.answer = answers(status, {}, keys)
    await send(world, `https://${KEY_HOST}${path}`)
    t.match(await verdict(), unverified, `status ${status}`)
  }
  teacher.answer = answers(200, {}, keys)
  const own = `/${ACCOUNTS.contoso.microsoft.directory}/discovery/v2.0/keys`
  for (const other of [own, `${path}?p=policy`, `${path}/`, '/common/../x/discovery/v2.0/keys']) {
    t.equal((await send(world, `https://${KEY_HOST}${other}`)).status, 200)
    t.match(await verdict(), unverified, other)
  }
  t.equal(await overHttp('GET', KEY_HOST, path), 200)
  t.match(await verdict(), unverified, 'over plain HTTP')
  await send(world, `https://${KEY_HOST}${path}`)
  t.match(await verdict(), { status: 201, standing: 'sanctioned' })
})
