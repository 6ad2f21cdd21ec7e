/** Somebody is refused, asks for an exception, is granted it, and does again what was blocked. */
import t from 'tap'
import { curl } from './curl.ts'
import type { CurlResult } from './curl.ts'
import { events, eventually } from './observe.ts'
import { MESSAGE, withRules } from './policies.ts'
import { CONTENT, UPLOAD } from './wire.ts'
import { startWorld } from './world.ts'

const world = await startWorld()
t.teardown(() => world.close())
const { origin } = world
await world.setPolicy(withRules(
  { id: 'ask-first', when: { activity: 'upload', provider: 'dropbox' }, action: 'block', coach: true, message: MESSAGE },
  { id: 'never', when: { activity: 'upload', provider: 'box' }, action: 'block', message: MESSAGE },
))

const ARGS = ['-H', 'Authorization: Bearer FAKE-TOKEN', '-H', 'Dropbox-API-Arg: {"path":"/a.txt"}', '-H', 'Content-Type: application/octet-stream']

function upload(more: readonly string[] = []): Promise<CurlResult> {
  return curl([...more, ...ARGS, '--data-binary', 'x', `https://${CONTENT}${UPLOAD}`], world)
}

/** Where a refusal says that one can ask. */
async function offered(): Promise<string> {
  const { stdout } = await upload()
  const url = /http:\/\/\S+\/exception\?event=[\w-]{16}/.exec(stdout)?.[0]
  if (url === undefined) throw new Error(`no address in ${stdout}`)
  return url
}

/** Without a proxy, as a browser does that is told not to use one for it. */
function ask(url: string, reason: string, headers: Record<string, string> = {}): Promise<Response> {
  const { origin, pathname, searchParams } = new URL(url)
  return fetch(origin + pathname, {
    method: 'POST', headers, body: new URLSearchParams({ event: searchParams.get('event') ?? '', reason }), redirect: 'error',
  })
}

const list = async (query = '') => (await (await world.api('GET', `/v1/exceptions${query}`)).json() as { exceptions: { id: string; state: string }[] }).exceptions

t.test('the refusal says where, and the page there is a form without scripts', async t => {
  const refused = await upload()
  t.equal(refused.status, 403)
  t.match(JSON.parse(refused.stdout), { error_summary: new RegExp(`^${MESSAGE} \\(event [\\w-]{16}\\); you can ask for an exception at http://\\S+ /policy`) })
  const url = await offered()
  const page = await fetch(url)
  t.equal(page.status, 200)
  t.match(page.headers.get('content-security-policy'), "default-src 'none'")
  t.match(page.headers.get('cache-control'), 'no-store')
  const text = await page.text()
  t.match(text, MESSAGE)
  t.match(text, '<form method="post" action="/exception">')
  t.notMatch(text, '<script')
  t.equal((await fetch(url, { method: 'HEAD' })).status, 200)
  t.equal((await fetch(url, { method: 'PUT' })).status, 405)
  const through = await curl([url], world)
  t.equal(through.status, 200, 'also for whoever asks through the proxy')
  t.match(through.stdout, MESSAGE)
  const html = await curl(['-H', 'Sec-Fetch-Mode: navigate', ...ARGS.slice(2), '--data-binary', 'x', `https://${CONTENT}${UPLOAD}`], world)
  t.match(html.stdout, /<a href="http:\/\/[^"]+\/exception\?event=[\w-]{16}">Ask for an exception<\/a>/)
})

t.test('nobody asks for what was not refused here to him, nor from another page', async t => {
  const url = await offered()
  t.equal((await ask(`${new URL(url).origin}/exception?event=AAAAAAAAAAAAAAAA`, 'Why not?')).status, 404)
  t.equal((await ask(url, 'x', { origin: 'https://evil.example' })).status, 403)
  t.equal((await ask(url, 'x', { origin: 'null' })).status, 403)
  t.equal((await ask(url, 'x', { 'sec-fetch-site': 'cross-site' })).status, 403)
  t.equal((await ask(url, ' \r\n ')).status, 422)
  t.equal((await ask(url, 'x'.repeat(501))).status, 422)
  t.equal((await ask(url, 'x'.repeat(20_000))).status, 413)
  const other = await curl(['--noproxy', '*', '--interface', '127.0.0.2', '-d', `event=${new URL(url).searchParams.get('event')}`, '-d', 'reason=x', url], world)
  t.equal(other.status, 404, 'the secret alone, from another address')
  t.strictSame(await list(), [])
})

t.test('a name of somebody else that leads to the proxy makes no page of his the proxy\'s', async t => {
  const url = await offered()
  const event = new URL(url).searchParams.get('event') ?? ''
  const evil = `evil.example:${new URL(url).port}`
  const rebound = await curl([
    '--noproxy', '*', '--connect-to', `${evil}:${new URL(url).host}`, '-H', `Origin: http://${evil}`, '-H', 'Sec-Fetch-Site: same-origin',
    '-d', `event=${event}`, '-d', 'reason=x', `http://${evil}/exception`,
  ], world)
  t.equal(rebound.status, 403, rebound.stderr)
  t.strictSame(await list(), [])
})

t.test('what is asked for is escaped, granted for a time, and counts at once; then the block holds again', async t => {
  await origin.reset()
  const url = await offered()
  const answer = await ask(url, 'A <b>customer</b>\r\n\u202eneeds it.', { origin: new URL(url).origin })
  t.equal(answer.status, 200)
  t.match(await answer.text(), 'You have asked')
  t.equal((await ask(await offered(), 'Again.')).status, 409, 'one at a time')
  t.match(await (await fetch(url)).text(), 'You have asked', 'whoever opens the link again is told')
  const [asked] = await list('?state=asked')
  t.match(asked, { state: 'asked', rule: 'ask-first', provider: 'dropbox', ip: '127.0.0.1', reason: 'A <b>customer</b> needs it.', event: new URL(url).searchParams.get('event') })
  t.equal((await upload()).status, 403, 'asking alone changes nothing')
  const granted = await world.api('POST', `/v1/exceptions/${asked?.id}/grant`, { for: '2h', comment: 'Until the fair is over.' })
  t.equal(granted.status, 200, await granted.clone().text())
  t.match(await granted.json(), { state: 'granted', decidedBy: /^token:/ })
  t.match(await (await fetch(url)).text(), /is granted.*lasts until 20/s)
  t.equal((await upload()).status, 200)
  t.equal(origin.stored().length, 1)
  t.ok(await eventually(async () => (await events(world)).some(({ sluice }) => sluice.reasons.includes('exception'))))
  t.match((await events(world)).find(({ sluice }) => sluice.reasons.includes('exception')), {
    sluice: { action: 'allow', exceptions: [{ rule: 'ask-first', id: asked?.id }], monitored: [{ rule: 'ask-first', action: 'block' }] },
  })
  const explained = await world.api('POST', '/v1/decisions', { method: 'POST', url: `https://${CONTENT}${UPLOAD}`, headers: {}, size: 1, client: { ip: '127.0.0.1' } })
  t.match(await explained.json(), { decision: { action: 'allow', reasons: /exception/ } })
  t.match(await (await world.api('POST', '/v1/decisions', { method: 'POST', url: `https://${CONTENT}${UPLOAD}`, headers: {}, size: 1, client: { ip: '10.0.0.1' } })).json(),
    { decision: { action: 'block' } }, 'nobody else is excepted')
  t.equal((await world.api('POST', `/v1/exceptions/${asked?.id}/revoke`, {})).status, 200)
  t.equal((await upload()).status, 403)
  t.equal((await world.api('POST', `/v1/exceptions/${asked?.id}/grant`, { for: '2h' })).status, 409)
})

t.test('an exception ends by itself', async t => {
  const given = await world.api('POST', '/v1/exceptions', { rule: 'ask-first', ip: '::ffff:127.0.0.1', for: '4s', reason: 'A moment.' })
  t.equal(given.status, 201, await given.clone().text())
  t.equal((await upload()).status, 200)
  t.ok(await eventually(async () => (await upload()).status === 403))
  const wrong = await world.api('POST', '/v1/exceptions', { rule: 'never', ip: '127.0.0.1', for: '1h', reason: 'x' })
  t.equal(wrong.status, 422, 'no exception from a rule without coach')
})

t.test('a rule without coach offers nothing', async t => {
  const { stdout } = await curl(['-F', 'attributes={"name":"a","parent":{"id":"0"}}', '-F', 'file=@/etc/hostname', 'https://upload.box.com/api/2.0/files/content'], world)
  t.match(stdout, MESSAGE)
  t.notMatch(stdout, 'exception')
})

t.test('with proxy.publicUrl, refusals and the page go by that name', async t => {
  const named = await startWorld({ config: { proxy: { publicUrl: 'http://proxy.example:3128' } } })
  t.teardown(() => named.close())
  await named.setPolicy(withRules({ id: 'ask-first', when: { activity: 'upload' }, action: 'block', coach: true, message: MESSAGE }))
  const { stdout } = await curl([...ARGS, '--data-binary', 'x', `https://${CONTENT}${UPLOAD}`], named)
  const url = /http:\/\/proxy\.example:3128\/exception\?event=[\w-]{16}/.exec(stdout)?.[0] ?? ''
  t.match((await curl([url], named)).stdout, '<form')
  const [page, event] = url.split('?')
  const form = ['-d', event ?? '', '-d', 'reason=Why not?', page ?? '']
  t.equal((await curl(['-H', 'Origin: http://other.example:3128', ...form], named)).status, 403)
  t.equal((await curl(['-H', 'Origin: http://proxy.example:3128', ...form], named)).status, 200)
  t.not((await curl(['http://proxy.example:80/exception'], named)).status, 404, 'another port is another site')
})

t.test('who asks too often has to wait', async t => {
  const url = await offered()
  let last = 0
  for (let i = 0; i < 21 && last !== 429; i++) last = (await ask(url, '')).status
  t.equal(last, 429)
})
