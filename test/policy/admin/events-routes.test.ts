import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import type { EventsPort } from '../../../policy/admin/events-port.ts'
import type { EventFilter } from '../../../policy/ecs-event.ts'
import { mintToken } from '../../../policy/admin/tokens.ts'
import { BY } from '../store/contract.ts'
import { EVENT, startAdmin } from './harness.ts'

const port = (change: Partial<EventsPort>): EventsPort => ({
  page: async () => ({ events: [], next: null, source: 'files' }), find: async () => null, follow: async function* () {},
  namesOf: (user) => [user.toLowerCase()], pseudonymOf: async (user) => `u-${user.length}`, erase: async () => ({ erased: 0, unread: [] }), ...change,
})

t.test('what is asked for reaches the port, and the cursor leads on', async (t) => {
  const asked: unknown[] = []
  const admin = await startAdmin(t, { events: port({
    page: async (...args) => {
      asked.push(args)
      return { events: [EVENT], next: 41, source: 'memory' }
    },
    namesOf: (user, byName) => [`${user} ${byName}`],
  }) })
  const query = 'since=2026-11-30&until=2026-11-30T12:00:00%2B01:00&provider=box&action=log&activity=upload&user=Ada&tenant=a/b&rule=r&limit=5'
  const first = (await admin.send('viewer', { url: `/v1/events?${query}` })).json()
  t.match(first, { events: [EVENT], source: 'memory', next: String })
  await admin.send('admin', { url: `/v1/events?user=Ada&cursor=${first.next}` })
  t.strictSame(asked, [
    [{
      since: '2026-11-30T00:00:00.000Z', until: '2026-11-30T11:00:00.000Z', users: ['Ada false'],
      provider: 'box', action: 'log', activity: 'upload', tenant: 'a/b', rule: 'r',
    }, 5, undefined],
    [{ users: ['Ada true'] }, 100, 41],
  ])
})

t.test('a query that cannot be meant is refused, with its place', async (t) => {
  const admin = await startAdmin(t)
  for (const [query, path] of [
    ['since=yesterday', 'since'], ['until=1', 'until'], ['limit=0', 'limit'], ['limit=1001', 'limit'], ['cursor=x', 'cursor'], ['action=drop', 'action'],
    ['cursor=MTo5OTk5OTk5OTk5OTk5OTk5OTk5OQ', 'cursor'], ['sicne=24h', 'sicne'], ['rule=No%20Rule', 'rule'], ['user=', 'user'], ['user=a%00b', 'user'],
  ] as const) {
    const answer = await admin.send('viewer', { url: `/v1/events?${query}` })
    t.equal(answer.statusCode, 400, query)
    t.match(answer.json(), { code: 'admin.invalid', errors: [{ path }] }, query)
  }
  t.equal((await admin.send('viewer', { url: '/v1/events/..%2Fpolicy' })).statusCode, 400)
  t.match((await admin.send('viewer', { url: '/v1/events/stream', headers: { 'last-event-id': 'x' } })).json(), { code: 'admin.invalid' })
})

t.test('a stream tells each event with its number, goes on where it was, and ends with its listener', async (t) => {
  const asked: unknown[] = []
  let ended = 0
  const admin = await startAdmin(t, { events: port({
    follow: async function* (filter: EventFilter, signal, after) {
      asked.push([filter, after])
      yield { ...EVENT, text: 'a\nb\r\nc' }
      await once(signal, 'abort')
      ended++
    },
  }) })
  const origin = await admin.app.listen({ port: 0, host: '127.0.0.1' })
  const headers = { authorization: `Bearer ${admin.secrets.viewer}`, 'last-event-id': '7' }
  const gone = new AbortController()
  const answer = await fetch(`${origin}/v1/events/stream?action=block`, { headers, signal: gone.signal })
  t.equal(answer.headers.get('content-type'), 'text/event-stream')
  t.equal(answer.headers.get('cache-control'), 'no-store')
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader()
  let told = ''
  while (!told.includes('data')) told += (await reader?.read())?.value ?? ''
  t.equal(told, `retry: 3000\n\nid: 8\ndata: ${JSON.stringify({ ...EVENT, text: 'a\nb\r\nc' })}\n\n`)
  t.strictSame(asked, [[{ action: 'block' }, 7]])
  gone.abort()
  while (ended === 0) await delay(5)
  // Its place is free again, any number of times.
  for (let i = 0; i < 20; i++) {
    const again = new AbortController()
    t.equal((await fetch(`${origin}/v1/events/stream`, { headers, signal: again.signal })).status, 200)
    again.abort()
    while (ended < i + 2) await delay(5)
  }
})

t.test('a listener whose token is taken away hears nothing more', async (t) => {
  const admin = await startAdmin(t, { events: port({
    follow: async function* (_filter, signal) {
      yield EVENT
      await once(signal, 'abort')
    },
  }) })
  const { stored, secret } = mintToken('viewer', 'on the wall')
  await admin.store.putToken(stored, BY)
  const origin = await admin.app.listen({ port: 0, host: '127.0.0.1' })
  const answer = await fetch(`${origin}/v1/events/stream`, { headers: { authorization: `Bearer ${secret}` } })
  t.equal(answer.status, 200)
  await admin.store.deleteToken(stored.id, BY)
  t.match(await answer.text(), /^data: /m, 'the answer comes to its end by itself')
})

t.test('a listener that takes nothing holds nothing back in memory', async (t) => {
  let taken = 0
  const admin = await startAdmin(t, { events: port({
    follow: async function* (_filter, signal) {
      while (!signal.aborted) {
        taken++
        yield { ...EVENT, text: 'x'.repeat(10_000) }
        if (taken % 100 === 0) await delay(1)
      }
    },
  }) })
  const origin = await admin.app.listen({ port: 0, host: '127.0.0.1' })
  const gone = new AbortController()
  await fetch(`${origin}/v1/events/stream`, { headers: { authorization: `Bearer ${admin.secrets.viewer}` }, signal: gone.signal })
  let before = -1
  while (taken !== before) {
    before = taken
    await delay(200)
  }
  t.ok(taken < 5_000, `${taken} events of 10 KB were taken before the listener read any`)
  gone.abort()
})
