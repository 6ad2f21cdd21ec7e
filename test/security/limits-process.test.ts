/** What the process itself has: above its bound of memory nothing new is taken, and too few file descriptors are told. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import { descriptorShortage, parseDescriptorLimit } from '../../proxy/descriptors.ts'
import { mustShed, usualBound } from '../../proxy/memory-guard.ts'
import { events, eventually, metric, watchProcess } from '../e2e/observe.ts'
import { CONTENT, UPLOAD, Wire, answerOf, ask2, connect, dialProxy, openHttp, openHttp2, upload } from '../e2e/wire.ts'
import { BLIND, limitedWorlds } from './limited-world.ts'

const faults = watchProcess(t)
const { start } = await limitedWorlds(t)
/** Sluice looks once a second and collects every fifth time, and the machine may be busy. */
const SOON_MS = 40_000
const MIB = 1024 ** 2
const GET = `GET / HTTP/1.1\r\nHost: ${CONTENT}\r\n\r\n`

t.test('above its bound of memory what is new is refused and what is under way goes on, until there is enough again', { timeout: 110_000 }, async t => {
  // Sluice and the origin are in this process and not started yet: far enough above it that without the ballast there is enough again.
  const bound = process.memoryUsage.rss() + 400 * MIB
  const world = await start({ memory: bound })
  const [first, second] = ['the beginning ', 'and the end']
  const uploading = await openHttp(world, CONTENT)
  uploading.write(upload(first, { fields: [`Content-Length: ${first.length + second.length}`] }))
  const spliced = new Wire((await connect(world, `${BLIND}:443`)).socket)
  const echoes = async (text: string): Promise<boolean> => {
    spliced.write(text)
    return (await spliced.take((bytes) => bytes.length < text.length ? -1 : text.length)).toString() === text
  }
  t.ok(await echoes('one'))
  const session = await openHttp2(world, CONTENT)
  const stream = session.request({ ':method': 'POST', ':path': UPLOAD, authorization: 'Bearer t', 'dropbox-api-arg': '{"path":"/b.txt"}', 'content-type': 'application/octet-stream' })
  const answer = answerOf(stream)
  stream.write(first)
  const [idle, idleSession] = [await openHttp(world, CONTENT), await openHttp2(world, CONTENT)]
  idle.write(GET)
  t.equal((await idle.response()).status, 200)
  t.equal((await ask2(idleSession, { ':path': '/' })).status, 200)
  let ballast: Buffer[] = [Buffer.alloc(bound, 1)]
  t.ok(await eventually(async () => await metric(world, 'sluice_shedding') === 1, SOON_MS))

  const tunnel = await connect(world, `${CONTENT}:443`)
  t.equal(tunnel.status, 503, 'a tunnel')
  t.match(tunnel.head, /\r\nRetry-After: [0-9]+\r\n/)
  t.ok(await eventually(() => idle.over && idleSession.closed, SOON_MS), 'what nobody uses is closed')
  uploading.write(second)
  t.equal((await uploading.response()).status, 200, 'what was under way finishes')
  uploading.write(upload('x'))
  const refused = await uploading.response()
  t.equal(refused.status, 503, 'a request on a connection that is open')
  t.ok(Number(refused.headers.get('retry-after')) > 0)
  t.match(refused.body.toString(), /"error_summary":"The proxy is short of memory/, 'in the form of the provider')
  t.equal((await ask2(session, { ':path': '/' })).status, 503, 'a stream')
  const plain = await dialProxy(world)
  plain.write('GET http://plain.example/ HTTP/1.1\r\nHost: plain.example\r\n\r\n')
  t.equal((await plain.response()).status, 503, 'a plain request')
  const page = await dialProxy(world)
  page.write('GET /proxy.pac HTTP/1.1\r\nHost: proxy.example\r\n\r\n')
  t.equal((await page.response()).status, 200, 'but not what the proxy itself has')
  t.equal(await metric(world, 'sluice_refused_total', { code: 'proxy.overloaded' }), 4)
  t.ok(await eventually(async () => (await events(world)).filter(({ sluice }) => sluice.reasons.includes('overloaded')).length === 4), 'each is an event')
  t.match(await (await fetch(`${world.admin}/readyz`)).json(), { degraded: true, checks: { memory: /proxy\.limits\.memory/ } })
  t.ok(await echoes('two'), 'a tunnel that is open goes on')

  ballast = []
  t.ok(await eventually(async () => await metric(world, 'sluice_shedding') === 0, SOON_MS))
  const again = await openHttp(world, CONTENT)
  again.write(GET)
  t.equal((await again.response()).status, 200)
  stream.end(second)
  t.equal((await answer).status, 200, 'what was under way was not touched')
  t.strictSame(world.origin.requests().filter(({ path }) => path === UPLOAD).map(({ bodyBytes, complete }) => [bodyBytes, complete]), Array.from({ length: 2 }, () => [first.length + second.length, true]))
  t.equal(ballast.length, 0)
  session.destroy()
  for (const wire of [uploading, spliced, idle, again, plain, page]) wire.close()
})

t.test('refusing for want of memory begins above the bound, and ends well below it or when half of the load is gone', async t => {
  const at = (resident: number, underWay: number) => ({ resident, underWay })
  t.equal(mustShed(null, at(1_000, 10), 1_000), false)
  t.equal(mustShed(null, at(1_001, 10), 1_000), true)
  t.equal(mustShed(null, at(1_001, 0), 1_000), false, 'nothing would end, and free anything')
  t.equal(mustShed(10, at(950, 10), 1_000), true, 'not at once')
  t.equal(mustShed(10, at(900, 10), 1_000), false)
  t.equal(mustShed(10, at(1_200, 6), 1_000), true)
  t.equal(mustShed(10, at(1_200, 5), 1_000), false, 'an allocator may keep what was freed')
})

t.test('the usual bound is of the container where there is one', async t => {
  t.equal(usualBound(1_000 * MIB, 4_000 * MIB), 750 * MIB)
  t.equal(usualBound(0, 4_000 * MIB), 3_000 * MIB)
  t.equal(usualBound(2 ** 63, 4_000 * MIB), 3_000 * MIB)
  t.equal(usualBound(256 * MIB, 4_000 * MIB), 256 * MIB, 'and never one that a start alone would reach')
})

t.test('too few file descriptors are told with how many there should be', async t => {
  const text = 'Limit                     Soft Limit           Hard Limit           Units     \nMax open files            1024                 524288               files     \n'
  t.equal(parseDescriptorLimit(text), 1_024)
  t.equal(parseDescriptorLimit(text.replace('1024 ', 'unlimited ')), null)
  t.equal(descriptorShortage(null, { connections: 8_000 }), null)
  t.equal(descriptorShortage(16_512, { connections: 8_000 }), null)
  t.match(descriptorShortage(16_511, { connections: 8_000 }), /connections 8000 needs 16512 file descriptors .* may open 16511: raise .* or set connections to 7999\./)
  t.match(descriptorShortage(100, { connections: 8_000 }), /--ulimit of Docker\)\.$/)
})

t.test('a start and a check under a low limit say so', { skip: process.platform === 'linux' ? false : 'needs /proc' }, async t => {
  const dir = t.testdir()
  const run = (verb: string, connections: number) => {
    const cli = new URL('../../proxy/cli.ts', import.meta.url).pathname
    const child = spawn('sh', ['-c', 'ulimit -n 2000; exec "$0" "$@"', process.execPath, cli, verb], {
      cwd: dir, stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env.PATH, SLUICE_PROXY_LISTEN: '127.0.0.1:0', SLUICE_ADMIN_LISTEN: '127.0.0.1:0', SLUICE_PROXY_LIMITS: `{ connections: ${connections} }`,
        SLUICE_ADMIN_TOKEN: 'a-token-of-some-length',
      },
    })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => { said += chunk.toString() })
    return { child, ended: once(child, 'exit'), said: () => said }
  }
  for (const [connections, isTold] of [[2_000, true], [700, false]] as const) {
    const check = run('check', connections)
    await check.ended
    t.match(check.said(), /Limits:\n {2}- Above [0-9]+ MiB of resident memory/)
    t.equal(/needs 4512 file descriptors .*may open 2000/.test(check.said()), isTold)
    if (!isTold) continue
    const started = run('start', connections)
    t.ok(await eventually(() => started.said().includes('Admin API'), SOON_MS), started.said())
    t.match(started.said(), /"level":"warn".*needs 4512 file descriptors .*may open 2000/)
    started.child.kill('SIGTERM')
    await started.ended
  }
})

t.test('nothing of it would have ended the process', async t => {
  t.strictSame(faults, [])
})
