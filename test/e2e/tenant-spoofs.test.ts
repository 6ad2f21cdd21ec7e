/** Ways to pass as contoso: each is refused before a byte of the file leaves, and the event says what it was. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import type { Reason } from '../../policy/operation.ts'
import { bearer as direct } from '../origin/account-calls.ts'
import { ACCOUNTS, opaqueToken, refreshToken, SHARED } from '../origin/accounts.ts'
import { ask } from '../origin/requests.ts'
import { keySet, microsoftToken } from '../origin/signed-tokens.ts'
import { bearer, latest, RESUMABLE, send, startStrict, takeToken, uploads } from './tenant-world.ts'
import type { Answer } from './tenant-world.ts'
import type { World } from './world.ts'

const { contoso, fabrikam } = ACCOUNTS
const MICROSOFT_KEYS = 'https://login.microsoftonline.com/common/discovery/v2.0/keys'

const world = await startStrict()
t.teardown(() => world.close())
t.beforeEach(() => world.origin.reset())

/** Tokens that a passing answer told of, so that by themselves they are sanctioned and foreign. */
const own = {
  google: await takeToken(world, 'google', refreshToken('contoso', 'google', 'openid')),
  dropbox: await knownAtDropbox('contoso'),
  microsoft: await takeToken(world, 'microsoft', refreshToken('contoso', 'microsoft')),
}
const foreign = {
  google: await takeToken(world, 'google', refreshToken('fabrikam', 'google', 'openid')),
  dropbox: await knownAtDropbox('fabrikam'),
}

async function knownAtDropbox(name: 'contoso' | 'fabrikam'): Promise<string> {
  const token = opaqueToken(name, 'dropbox', 1)
  await send(world, 'https://api.dropboxapi.com/2/users/get_current_account', {
    method: 'POST', body: 'null', fields: [bearer(token), ['content-type', 'application/json']],
  })
  return token
}

async function refused(t: Test, at: World, what: string, reason: Reason, answer: Promise<Answer>): Promise<void> {
  const before = at.origin.fileBytes()
  const { status } = await answer
  t.equal(status, 403, what)
  t.equal(at.origin.fileBytes(), before, `${what}: no byte arrived`)
  const event = await latest(at)
  t.equal(event?.action, 'block', what)
  t.not(event?.tenant?.standing, 'sanctioned', what)
  t.ok(event?.reasons.includes(reason), `${what}: ${reason} in ${event?.reasons.join(', ')}`)
}

async function passes(t: Test, at: World, what: string, how: string, answer: Promise<Answer>): Promise<void> {
  const { status, text } = await answer
  t.ok(status === 200 || status === 201, `${what}: ${status} ${text}`)
  t.match(await latest(at), { action: 'allow', tenant: { standing: 'sanctioned', how } }, what)
}

t.test('what the spoofs are made of passes by itself', async (t) => {
  await passes(t, world, 'Dropbox', 'learned', uploads.dropbox(world, [bearer(own.dropbox)]))
  await passes(t, world, 'Google', 'learned', uploads.google(world, [bearer(own.google)]))
  await passes(t, world, 'Microsoft', 'learned', uploads.microsoft(world, [bearer(own.microsoft)]))
  const audience = 'https://contoso-my.sharepoint.com'
  await passes(t, world, 'SharePoint', 'place', sharePoint(microsoftToken(contoso, { audience })))
})

t.test('two credentials in one request', async (t) => {
  const several = 'several-credentials'
  for (const [first, second] of [[own, foreign], [foreign, own]] as const) {
    const query = `?authorization=${encodeURIComponent(`Bearer ${second.dropbox}`)}`
    await refused(t, world, 'Dropbox, header and query', several, uploads.dropbox(world, [bearer(first.dropbox)], query))
    const parameter = `&access_token=${second.google}`
    await refused(t, world, 'Google, header and query', several, uploads.google(world, [bearer(first.google)], parameter))
    const { status } = await uploads.google(world, [bearer(first.google), bearer(second.google)])
    t.equal(status, 400, 'two headers are no request that is read in one way')
    t.equal(world.origin.fileBytes(), 0)
    const joined = ['authorization', `Bearer ${first.google}, Bearer ${second.google}`] as const
    await refused(t, world, 'two in one', several, uploads.google(world, [joined]))
  }
})

t.test('a foreign token at a place of contoso, and a sanctioned one at a foreign place', async (t) => {
  const audience = 'https://contoso-my.sharepoint.com'
  await refused(t, world, 'SharePoint', 'credential-elsewhere', sharePoint(microsoftToken(fabrikam, { audience })))
  const place = 'foreign-place'
  const joint = { name: 'a.txt', parents: [SHARED.google] }
  await refused(t, world, 'Google folder', place, uploads.google(world, [bearer(own.google)], '', joint))
  await refused(t, world, 'Microsoft drive', place, uploads.microsoft(world, [bearer(own.microsoft)], `/drives/${SHARED.microsoft}`))
  const root = `{".tag": "namespace_id", "namespace_id": "${SHARED.dropbox}"}`
  await refused(t, world, 'Dropbox namespace', place, uploads.dropbox(world, [bearer(own.dropbox), ['dropbox-api-path-root', root]]))
  await refused(t, world, 'Dropbox path', place, uploads.dropbox(world, [bearer(own.dropbox)], '', `ns:${SHARED.dropbox}/a.txt`))
  const { text } = await send(world, 'https://www.googleapis.com/drive/v3/files/root?fields=*', { fields: [bearer(own.google)] })
  const { id } = JSON.parse(text) as { id: string }
  const folder = { name: 'a.txt', parents: [id] }
  await refused(t, world, 'a folder of contoso', 'credential-elsewhere', uploads.google(world, [bearer(foreign.google)], '', folder))
  const guest = microsoftToken(contoso, { directory: fabrikam })
  await refused(t, world, 'a guest in another directory', 'tenant-from-credential', uploads.microsoft(world, [bearer(guest)]))
})

t.test('a restriction of the client\'s own making', async (t) => {
  const google = ['x-googapps-allowed-domains', 'fabrikam.example'] as const
  await refused(t, world, 'Google', 'client-restriction', uploads.google(world, [bearer(own.google), google]))
  const microsoft = [['restrict-access-to-tenants', 'fabrikam.example'], ['sec-restrict-tenant-access-policy', 'restrict-msa']] as const
  for (const field of microsoft) {
    await refused(t, world, field[0], 'client-restriction', uploads.microsoft(world, [bearer(own.microsoft), field]))
  }
})

t.test('a forged token, without keys, with keys that were learned, and with keys from a file', async (t) => {
  const file = join(t.testdir(), 'keys.json')
  await writeFile(file, JSON.stringify(keySet('microsoft')))
  const configured = await startStrict({ tenants: { keySets: [file] } })
  t.teardown(configured.close)
  const unverified = uploads.microsoft(world, [bearer(microsoftToken(contoso))])
  await refused(t, world, 'one that nobody verified', 'credential-not-verified', unverified)
  await refused(t, world, 'forged, no keys', 'credential-not-verified', uploads.microsoft(world, [bearer(wrongSignature())]))
  t.equal((await send(world, MICROSOFT_KEYS)).status, 200)
  for (const [at, keys] of [[world, 'learned'], [configured, 'configured']] as const) {
    const nonce = microsoftToken(contoso, { nonce: true })
    await refused(t, at, `${keys}: with a nonce`, 'credential-not-verified', uploads.microsoft(at, [bearer(nonce)]))
    await refused(t, at, `${keys}: wrong signature`, 'credential-forged', uploads.microsoft(at, [bearer(wrongSignature())]))
    await refused(t, at, `${keys}: alg none`, 'credential-forged', uploads.microsoft(at, [bearer(withoutSignature())]))
    await refused(t, at, `${keys}: other claims`, 'credential-forged', uploads.microsoft(at, [bearer(otherClaims())]))
    const before = at.origin.fileBytes()
    await passes(t, at, keys, 'credential', uploads.microsoft(at, [bearer(microsoftToken(contoso))]))
    t.ok((await latest(at))?.reasons.includes('credential-verified'), keys)
    t.ok(at.origin.fileBytes() > before)
  }
})

t.test('a session that another credential goes on with', async (t) => {
  const started = await dropboxSession('start', own.dropbox, {})
  const { session_id } = JSON.parse(started.text) as { session_id: string }
  const cursor = (offset: number): unknown => ({ cursor: { session_id, offset } })
  const other = 'session-other-credential'
  await refused(t, world, 'Dropbox', other, dropboxSession('append_v2', foreign.dropbox, cursor(5)))
  const finish = { cursor: { session_id, offset: 5 }, commit: { path: '/a.txt' } }
  await refused(t, world, 'Dropbox, finish', other, dropboxSession('finish', foreign.dropbox, finish))
  t.equal((await dropboxSession('append_v2', own.dropbox, cursor(5))).status, 200, 'the one that started it may')

  const { location = '' } = await startResumable(own.google)
  await refused(t, world, 'Google', other, part(location, foreign.google))
  await refused(t, world, 'Google, no learned one', other, part(location, opaqueToken('fabrikam', 'google', 99)))
  t.equal((await part(location, own.google)).status, 200, 'the one that started it may')
  t.equal(world.origin.stored().length, 1)
})

t.test('a session that nobody saw start', async (t) => {
  const start = await ask(world.origin, 'https://content.dropboxapi.com/2/files/upload_session/start', {
    method: 'POST', body: '', ...direct(own.dropbox, { 'dropbox-api-arg': '{}', 'content-type': 'application/octet-stream' }),
  })
  const { session_id } = JSON.parse(start.text) as { session_id: string }
  const unseen = 'session-unknown'
  await refused(t, world, 'Dropbox', unseen, dropboxSession('append_v2', own.dropbox, { cursor: { session_id, offset: 0 } }))
  const { headers } = await ask(world.origin, RESUMABLE, {
    method: 'POST', body: '{"name":"a.txt"}', ...direct(own.google, { 'content-type': 'application/json' }),
  })
  await refused(t, world, 'Google', unseen, part(String(headers.location), own.google))
})

function sharePoint(token: string): Promise<Answer> {
  const url = 'https://contoso-my.sharepoint.com/personal/fay_contoso_example/_api/v2.0/drive/root:/a.txt:/content'
  return send(world, url, { method: 'PUT', body: 'hello', fields: [bearer(token)] })
}

function dropboxSession(step: 'start' | 'append_v2' | 'finish', token: string, arg: unknown): Promise<Answer> {
  return send(world, `https://content.dropboxapi.com/2/files/upload_session/${step}`, {
    method: 'POST', body: 'hello',
    fields: [bearer(token), ['content-type', 'application/octet-stream'], ['dropbox-api-arg', JSON.stringify(arg)]],
  })
}

function startResumable(token: string): Promise<Answer> {
  const fields = [bearer(token), ['content-type', 'application/json']] as const
  return send(world, RESUMABLE, { method: 'POST', body: '{"name":"a.txt"}', fields })
}

/** The whole file, as the only part. */
function part(location: string, token: string): Promise<Answer> {
  return send(world, location, { method: 'PUT', body: 'hello', fields: [bearer(token)] })
}

function wrongSignature(): string {
  const [head, body, signature = ''] = microsoftToken(contoso).split('.')
  return `${head}.${body}.${signature.slice(0, -8)}${signature.endsWith('AAAAAAAA') ? 'BBBBBBBB' : 'AAAAAAAA'}`
}

function withoutSignature(): string {
  const [, body] = microsoftToken(contoso).split('.')
  return `${Buffer.from(JSON.stringify({ typ: 'JWT', alg: 'none' })).toString('base64url')}.${body}.`
}

/** Fabrikam's token, in which somebody wrote contoso's directory. */
function otherClaims(): string {
  const [head, body = '', signature] = microsoftToken(fabrikam).split('.')
  const text = Buffer.from(body, 'base64url').toString('utf8').replaceAll(fabrikam.microsoft.directory, contoso.microsoft.directory)
  return `${head}.${Buffer.from(text).toString('base64url')}.${signature}`
}
