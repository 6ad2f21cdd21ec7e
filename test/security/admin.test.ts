/** A viewer who wants to hear what others may not, and callers who want the admin API for themselves. */
import { once } from 'node:events'
import net from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { Costly } from '../../policy/admin/costly.ts'
import type { EventsPort } from '../../policy/admin/events-port.ts'
import type { SimulationRequest } from '../../policy/admin/simulate-port.ts'
import { Simulation } from '../../policy/simulate.ts'
import { currentControls } from '../../policy/snapshot.ts'
import type { ControlsPlace } from '../../policy/store/change-controls.ts'
import { ask } from '../../policy/store/change-exceptions.ts'
import { EVENT, startAdmin } from '../policy/admin/harness.ts'
import type { Admin } from '../policy/admin/harness.ts'
import { BY, policyOf } from '../policy/store/contract.ts'

/** Events that go on until their listener leaves. */
const endless: EventsPort = {
  page: async () => ({ events: [], next: null, source: 'files' }), find: async () => null,
  follow: async function* (_filter, signal) {
    yield EVENT
    await once(signal, 'abort')
  },
  namesOf: (user) => [user], pseudonymOf: async () => 'u-1', erase: async () => ({ erased: 0, unread: [] }),
}

/** Whoever listens, until `gone`; the status of the answer. */
async function listen(origin: string, secret: string, gone: AbortController): Promise<number> {
  const answer = await fetch(`${origin}/v1/events/stream`, { headers: { authorization: `Bearer ${secret}` }, signal: gone.signal })
  if (answer.status !== 200) await answer.text()
  return answer.status
}

t.test('clients that hang up before they are answered take no place from those who listen', async (t) => {
  const gates: (() => void)[] = []
  const admin: Admin = await startAdmin(t, {
    events: endless,
    // The store takes its time, so that the client is gone before it is known.
    tokens: async () => {
      if (gates.length < 20) await new Promise<void>((resolve) => { gates.push(resolve) })
      return admin.store.tokens()
    },
  })
  const origin = await admin.app.listen({ port: 0, host: '127.0.0.1' })
  for (let i = 1; i <= 20; i++) {
    const socket = net.connect(Number(new URL(origin).port), '127.0.0.1')
    socket.write(`GET /v1/events/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${admin.secrets.viewer}\r\n\r\n`)
    while (gates.length < i) await delay(2)
    socket.resetAndDestroy()
  }
  await delay(50)
  for (const open of gates) open()
  await delay(50)
  const gone = new AbortController()
  t.teardown(() => gone.abort())
  t.equal(await listen(origin, admin.secrets.viewer, gone), 200)
})

t.test('one token cannot take every place of those who listen', async (t) => {
  const admin = await startAdmin(t, { events: endless })
  const origin = await admin.app.listen({ port: 0, host: '127.0.0.1' })
  const gone = new AbortController()
  t.teardown(() => gone.abort())
  const hoarded = await Promise.all(Array.from({ length: 20 }, () => listen(origin, admin.secrets.viewer, gone)))
  t.ok(hoarded.includes(200) && hoarded.includes(503), 'some of them, and no more')
  t.equal(await listen(origin, admin.secrets.admin, gone), 200, 'the administrator still hears')
})

t.test('one token cannot have all others wait for its searches', async (t) => {
  let begun = 0
  let end = (): void => undefined
  const over = new Promise<void>((resolve) => { end = resolve })
  const find = async (): Promise<null> => {
    begun++
    await over
    return null
  }
  const admin = await startAdmin(t, { events: { ...endless, find } })
  const many = Array.from({ length: 20 }, (_, i) => admin.send('viewer', { url: `/v1/events/none-${i}` }))
  while (begun < 4) await delay(5)
  const other = admin.send('admin', { url: '/v1/events/none' })
  while (begun < 5) await delay(5)
  end()
  const statuses = (await Promise.all(many)).map(({ statusCode }) => statusCode)
  t.equal(statuses.filter((status) => status === 503).length, 16)
  t.equal((await other).statusCode, 404)
  t.equal((await admin.send('viewer', { url: '/v1/events/none' })).statusCode, 404, 'and later it may again')
})

t.test('a draft that names people does not tell a viewer or an editor whose pseudonym is whose', async (t) => {
  const asked: SimulationRequest[] = []
  const admin = await startAdmin(t, { simulate: async (request) => {
    asked.push(request)
    return new Simulation({ draft: request.draft, current: request.draft, against: request.against, late: 'block' }).result()
  } })
  for (const role of ['viewer', 'editor', 'admin'] as const) {
    await admin.send(role, { method: 'POST', url: '/v1/policy/simulate', payload: { policy: policyOf('x') } })
  }
  t.strictSame(asked.map(({ byName }) => byName), [false, false, true])
})

t.test('drafts of one token do not take the whole thread from the traffic', async (t) => {
  const costly = new Costly()
  const worked: number[] = []
  const from = performance.now()
  const work = (): void => {
    const begun = performance.now()
    while (performance.now() < begun + 20) continue
    worked.push(performance.now() - begun)
  }
  const refused = (await Promise.allSettled(Array.from({ length: 10 }, () => costly.run('eve', work)))).filter(({ status }) => status === 'rejected')
  t.equal(refused.length, 6)
  const [first = 0, second = 0, third = 0] = worked
  t.ok(performance.now() - from >= 4 * (first + second + third), 'it rests between them')
  await t.rejects(costly.run('ann', () => { throw new Error('of the work') }), /of the work/)
  t.equal(await costly.run('ann', () => 7), 7)

  const admin = await startAdmin(t)
  for (const url of ['/v1/policy/validate', '/v1/policy/simulate']) {
    const payload = url.endsWith('validate') ? policyOf('x') : { policy: policyOf('x') }
    const answers = await Promise.all(Array.from({ length: 10 }, () => admin.send('viewer', { method: 'POST', url, payload })))
    t.ok(answers.some(({ statusCode }) => statusCode === 200) && answers.some(({ statusCode }) => statusCode === 429), url)
  }
})

t.test('exceptions do not tell a viewer whose pseudonym is whose', async (t) => {
  const admin = await startAdmin(t, { events: { ...endless, namesOf: (user, byName) => byName ? [user, `u-${user.length}`] : [user] } })
  const place: ControlsPlace = { store: admin.store, read: currentControls(admin.snapshot) }
  const { id } = await ask(place, { rule: 'r', provider: null, user: 'alice', reason: 'x', event: 'e' }, BY)
  await ask(place, { rule: 'r', provider: null, ip: '192.0.2.1', reason: 'x', event: 'e' }, BY)
  for (const url of ['/v1/exceptions', `/v1/exceptions/${id}`]) {
    const told = await admin.send('viewer', { url })
    t.match(told.body, 'u-5')
    t.notMatch(told.body, /alice|192\.0\.2\.1/)
    t.match((await admin.send('editor', { url })).body, 'alice', 'who decides knows of whom')
  }
})
