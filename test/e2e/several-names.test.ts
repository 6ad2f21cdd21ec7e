/** Several files in one request: a rule by name sees each of them. */
import t from 'tap'
import { ALLOW_ALL, MESSAGE, withRules } from './policies.ts'
import { eventsSoFar } from './recorded.ts'
import { ask, callDropbox, JSON_TYPE, startDropbox } from './session-clients.ts'
import type { Answer } from './session-clients.ts'
import { startWorld } from './world.ts'

const world = await startWorld()
t.teardown(() => world.close())
const { origin } = world
/** As the name decides: parts of Dropbox have none before they are committed. */
const NO_DOCUMENTS = withRules({ id: 'no-docx', when: { activity: 'upload', host: ['graph.microsoft.com', 'api.dropboxapi.com'], fileName: '*.docx' }, action: 'block', message: MESSAGE })

function graphBatch(...names: readonly string[]): Promise<Answer> {
  const requests = names.map((name, n) => ({
    id: String(n), method: 'PUT', url: `/me/drive/root:/batch/${name}:/content`, headers: { 'content-type': 'text/plain' }, body: Buffer.from('hello').toString('base64'),
  }))
  return ask(world, 'POST', 'https://graph.microsoft.com/v1.0/$batch', JSON_TYPE, JSON.stringify({ requests }))
}

t.test('a batch of Graph', async (t) => {
  await origin.reset()
  await world.setPolicy(NO_DOCUMENTS)
  const refused = await graphBatch('free.txt', 'secret.docx')
  t.equal(refused.status, 403)
  t.match(refused.body, MESSAGE)
  t.equal(origin.fileBytes(), 0, 'not one byte left')
  t.equal((await graphBatch(...Array.from({ length: 65 }, (_, n) => `free-${n}.txt`))).status, 403, 'more names than are looked at')
  t.equal(origin.fileBytes(), 0)
  t.notMatch((await graphBatch('free.txt', 'other.txt')).body, MESSAGE)
  const events = await eventsSoFar(world)
  t.ok(events.some(({ file, sluice }) => sluice.action === 'block' && JSON.stringify(file?.name) === '["free.txt","secret.docx"]'))
  t.ok(events.some(({ sluice }) => sluice.action === 'block' && sluice.reasons.includes('late-fact')))
})

t.test('a commit of several sessions of Dropbox', async (t) => {
  await origin.reset()
  await world.setPolicy(ALLOW_ALL)
  const sessions: string[] = []
  for (let n = 0; n < 2; n++) {
    const session = await startDropbox(world)
    t.equal((await callDropbox(world, 'append_v2', { cursor: { session_id: session, offset: 0 }, close: true }, 'hello')).status, 200)
    sessions.push(session)
  }
  await world.setPolicy(NO_DOCUMENTS)
  const finish = (...names: readonly string[]): Promise<Answer> => ask(world, 'POST', 'https://api.dropboxapi.com/2/files/upload_session/finish_batch_v2', JSON_TYPE, JSON.stringify({
    entries: names.map((name, n) => ({ cursor: { session_id: sessions[n], offset: 5 }, commit: { path: `/${name}` } })),
  }))
  const refused = await finish('free.txt', 'secret.docx')
  t.equal(refused.status, 403)
  t.match(refused.body, MESSAGE)
  t.strictSame(origin.stored(), [])
  t.equal((await finish('free.txt', 'other.txt')).status, 200)
  t.equal(origin.stored().length, 2)
})
