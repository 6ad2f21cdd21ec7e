/** Break-glass: everything passes unopened and unjudged for a time, and says so; then the policy holds as before. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { main } from '../../proxy/cli.ts'
import { curl } from './curl.ts'
import type { CurlResult } from './curl.ts'
import { events, eventually, metric } from './observe.ts'
import { BLOCK_UPLOADS, CONTENT, openHttp, upload, UPLOAD } from './wire.ts'
import { startWorld } from './world.ts'

const world = await startWorld()
t.teardown(() => world.close())
const { origin } = world
await world.setPolicy(BLOCK_UPLOADS)

async function sluice(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', '']
  const env = { SLUICE_STORE_URL: `embedded:${join(world.dir, 'store')}`, USER: 'ada' }
  const code = await main(args, { env, out: text => { out += text }, err: text => { err += text } })
  return { code, out, err }
}

/** An upload by a client that trusts this CA and no other. */
function send(caFile: string): Promise<CurlResult> {
  return curl([
    '-H', 'Authorization: Bearer FAKE-TOKEN', '-H', 'Dropbox-API-Arg: {"path":"/a.txt"}', '-H', 'Content-Type: application/octet-stream',
    '--data-binary', 'x', `https://${CONTENT}${UPLOAD}`,
  ], { proxy: world.proxy, caFile })
}

const isOn = async (on: boolean): Promise<boolean> => await metric(world, 'sluice_break_glass') === (on ? 1 : 0)
const ready = async (): Promise<unknown> => (await fetch(`${world.admin}/readyz`)).json()

t.test('what is wrong is said, and nothing changes', async t => {
  t.match(await sluice('break-glass', 'on'), { code: 2, err: /--reason/ })
  t.match(await sluice('break-glass', 'on', '--reason', 'x', '--for', 'long'), { code: 2, err: /--for "long" must be a duration.*\[usage\]/ })
  t.match(await sluice('break-glass', 'on', '--reason', 'x\ny'), { code: 2, err: /one line/ })
  for (const time of ['25h', '0s']) {
    t.match(await sluice('break-glass', 'on', '--reason', 'x', '--for', time), { code: 1, err: /at most 24 hours.*\[break-glass\.invalid\]/ })
  }
  t.match(await sluice('break-glass', 'status'), { code: 0, out: 'break-glass is off\n' })
  t.match(await sluice('break-glass', 'off'), { code: 0, out: 'break-glass was not on\n' })
  t.ok(await isOn(false))
  t.match(await ready(), { degraded: false, checks: { 'break-glass': undefined } })
})

t.test('new tunnels pass unopened, open connections pass unjudged, and everything says so', async t => {
  const kept = await openHttp(world, CONTENT)
  t.teardown(() => kept.close())
  t.equal((await send(world.caFile)).status, 403)
  t.match(await sluice('break-glass', 'on', '--reason', 'Everything is refused.'), { code: 0, out: /^break-glass is on until .*by cli:ada: Everything is refused\.\n$/ })
  t.ok(await eventually(() => isOn(true), 1_000), 'within a second')
  t.match(await ready(), { ready: true, degraded: true, checks: { 'break-glass': /^on until/ } })
  const passed = await send(origin.caFile)
  t.equal(passed.status, 200, `the client sees the origin's own certificate: ${passed.stderr}`)
  t.equal((await send(world.caFile)).status, 0, 'and no certificate of Sluice')
  kept.write(upload('x', { name: 'kept.txt' }))
  t.equal((await kept.response()).status, 200)
  t.equal(origin.stored().length, 2)
  const explained = await world.api('POST', '/v1/decisions', { method: 'POST', url: `https://${CONTENT}${UPLOAD}`, headers: {}, size: 1 })
  t.match(await explained.json(), { decision: { action: 'allow', reasons: ['break-glass'] } })
  const told = async () => (await events(world)).filter(({ sluice }) => sluice.reasons.includes('break-glass'))
  t.ok(await eventually(async () => (await told()).length >= 2))
  t.match((await told()).map(({ destination }) => destination.domain), [CONTENT, CONTENT])
})

t.test('when it ends, what passed unopened is closed and the policy holds again', async t => {
  const unseen = await openHttp(world, CONTENT, { ca: readFileSync(origin.caFile, 'utf8') })
  t.match(await sluice('break-glass', 'status'), { code: 0, out: /^break-glass is on/ })
  t.match(await sluice('break-glass', 'off'), { code: 0, out: 'break-glass is off\n' })
  t.ok(await eventually(() => unseen.over, 2_000))
  t.ok(await isOn(false))
  t.equal((await send(world.caFile)).status, 403)
  t.match(await ready(), { degraded: false })
  const stored = await sluice('audit', 'verify')
  t.equal(stored.code, 0, stored.err)
})

t.test('an upload that nobody judged does not go on when it ends, nor does a WebSocket', async t => {
  const [body, frames] = [await openHttp(world, CONTENT), await openHttp(world, CONTENT)]
  t.teardown(() => { body.close(); frames.close() })
  await sluice('break-glass', 'on', '--reason', 'A long upload.')
  t.ok(await eventually(() => isOn(true), 1_900))
  body.write(upload('5\r\nfirst\r\n', { name: 'endless.txt', fields: ['Transfer-Encoding: chunked'] }))
  frames.write(`GET /ws HTTP/1.1\r\nHost: ${CONTENT}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n')
  t.equal((await frames.take((bytes) => bytes.indexOf('\r\n\r\n'))).toString().slice(0, 12), 'HTTP/1.1 101')
  t.notOk(body.over, 'it is under way')
  await sluice('break-glass', 'off')
  t.equal((await body.response()).status, 403)
  t.ok(await eventually(() => frames.over, 2_000))
  t.notOk(origin.stored().some(({ path }) => path === '/endless.txt'))
})

t.test('the API does the same, for admins', async t => {
  const put = await world.api('PUT', '/v1/break-glass', { reason: 'Over the API.', for: '5m' })
  t.match(await put.json(), { on: true, reason: 'Over the API.', author: /^token:/ })
  t.ok(await isOn(true), 'at once, at this node')
  t.match(await (await world.api('GET', '/v1/break-glass')).json(), { on: true })
  t.equal((await world.api('DELETE', '/v1/break-glass')).status, 204)
  t.ok(await isOn(false))
  t.strictSame(await (await world.api('GET', '/v1/break-glass')).json(), { on: false })
  t.equal((await world.api('DELETE', '/v1/break-glass')).status, 204, 'also where there is nothing to end')
})

t.test('it ends by itself', async t => {
  await sluice('break-glass', 'on', '--reason', 'A moment.', '--for', '2s')
  t.ok(await eventually(() => isOn(true), 1_900))
  const unseen = await openHttp(world, CONTENT, { ca: readFileSync(origin.caFile, 'utf8') })
  t.ok(await eventually(() => isOn(false)))
  t.ok(await eventually(() => unseen.over))
  t.equal((await send(world.caFile)).status, 403)
  t.match(await sluice('break-glass', 'off'), { out: 'break-glass was not on\n' })
})
