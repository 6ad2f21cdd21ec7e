/** Many small files: what one person sends to one provider adds up, whatever the files are called and however they are sent. */
import t from 'tap'
import { makeFile } from '../origin/bytes.ts'
import { curl } from './curl.ts'
import { withRules } from './policies.ts'
import { eventsSoFar } from './recorded.ts'
import { startWorld } from './world.ts'

const LIMIT = 1_000_000
const PIECE = 60_000
const FIT = Math.floor((LIMIT - 1) / PIECE)
const MESSAGE = 'More than 1 MB in an hour is for the file transfer desk.'

const world = await startWorld()
t.teardown(() => world.close())
const { origin } = world
const dir = t.testdir()
const piece = await makeFile(PIECE, { dir, name: 'piece.bin' })
await world.setPolicy(withRules({
  id: 'much', when: { activity: 'upload', volume: { over: '1h', atLeast: LIMIT } }, action: 'block', message: MESSAGE,
}))

const run = (...args: string[]) => curl(['-H', 'Content-Type: application/octet-stream', ...args], world)
const dropbox = (name: string, ...args: string[]) =>
  run('-X', 'POST', '-H', `Dropbox-API-Arg: {"path":"/${name}"}`, ...args, '--data-binary', `@${piece.path}`, 'https://content.dropboxapi.com/2/files/upload')
const drive = (...args: string[]) =>
  run('-X', 'POST', ...args, '--data-binary', `@${piece.path}`, 'https://www.googleapis.com/upload/drive/v3/files?uploadType=media')
const onedrive = (name: string, ...args: string[]) =>
  run('-X', 'PUT', ...args, '-T', piece.path, `https://graph.microsoft.com/v1.0/me/drive/root:/${name}:/content`)

t.test('one after the other: as many as fit below the limit pass, and then none', async (t) => {
  await origin.reset()
  const answers = []
  for (let i = 0; i < FIT + 3; i++) answers.push(await dropbox(`part-${i}.zip`, i % 2 === 0 ? '--http1.1' : '--http2'))
  t.strictSame(answers.map(({ status }) => status === 200), answers.map((_, i) => i < FIT))
  t.match(answers.at(-1)?.stdout, MESSAGE)
  t.equal(origin.fileBytes(), FIT * PIECE, 'of the others not one byte left')
  t.ok((await eventsSoFar(world)).some(({ rule, sluice }) => sluice.action === 'block' && rule?.id === 'much'))
})

t.test('at the same moment: no more than one after the other', async (t) => {
  await origin.reset()
  const answers = await Promise.all(Array.from({ length: FIT + 8 }, () => drive()))
  t.equal(answers.filter(({ status }) => status === 200).length, FIT)
  t.equal(origin.fileBytes(), FIT * PIECE)
})

t.test('without a length, and with another name for the program each time: cut where the limit is reached', async (t) => {
  await origin.reset()
  for (let i = 0; i < FIT + 2; i++) await onedrive(`drip-${i}`, '-A', `Agent/${i}`, '-H', 'Transfer-Encoding: chunked', '--http1.1')
  t.equal(origin.stored().length, FIT)
  t.ok(origin.fileBytes() < LIMIT, `${origin.fileBytes()} bytes left`)
})

t.test('other requests go on, and what would be decided tells the same', async (t) => {
  t.not((await run('https://graph.microsoft.com/v1.0/me/drive')).status, 403)
  const explain = async (ip: string): Promise<unknown> => {
    const described = { method: 'POST', url: 'https://content.dropboxapi.com/2/files/upload', headers: { 'Dropbox-API-Arg': '{"path":"/a"}' }, size: PIECE, client: { ip } }
    return (await world.api('POST', '/v1/decisions', described)).json()
  }
  t.match(await explain('127.0.0.1'), { decision: { action: 'block', ruleId: 'much' } })
  t.match(await explain('10.9.9.9'), { decision: { action: 'allow', ruleId: null } })
})
