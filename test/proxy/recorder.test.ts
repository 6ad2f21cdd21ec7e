/** What the log says of a refused tunnel leads to its event. */
import { createSecretKey, randomBytes } from 'node:crypto'
import { pino } from 'pino'
import t from 'tap'
import { Events } from '../../dashboards/events.ts'
import { createMetrics } from '../../dashboards/metrics.ts'
import { Pseudonyms } from '../../policy/pseudonyms.ts'
import { Usage } from '../../policy/usage.ts'
import { recordTunnel } from '../../proxy/recorder.ts'

t.test('a refused tunnel is logged with the id of its event and the code of the refusal', async t => {
  const lines: string[] = []
  const log = pino({ base: null }, { write: (line: string) => { lines.push(line) } })
  const events = new Events([])
  t.teardown(() => events.close())
  const tunnel = {
    id: '1', peer: { ip: '192.0.2.1', port: 1, user: 'anna' }, at: 0, startedAt: 0, host: 'raw.example', port: 443, serverName: '', pinned: false,
    destroy: () => undefined, touch: () => undefined,
  }
  const end = { kind: 'refused', up: 0, down: 0, refusal: 'tunnel.opaque', detail: 'no SNI' } as const
  recordTunnel(tunnel, end, 1, { metrics: createMetrics(), events, usage: new Usage(), log, people: { find: (_ip, user) => ({ user: user ?? 'nobody', groups: ['staff'] }) } })
  const [event] = events.recent()
  t.ok(event)
  t.match(event, { user: { name: 'anna', roles: ['staff'] } }, 'whose it was')
  t.match(lines.map((line): unknown => JSON.parse(line)), [{ event: event?.event.id, code: 'tunnel.opaque', client: '192.0.2.1' }])
})

t.test('with pseudonyms, neither log nor event tells who it was', async t => {
  const lines: string[] = []
  const log = pino({ base: null }, { write: (line: string) => { lines.push(line) } })
  const events = new Events([])
  t.teardown(() => events.close())
  const tunnel = {
    id: '1', peer: { ip: '192.0.2.1', port: 1, user: 'ada' }, at: 0, startedAt: 0, host: 'raw.example', port: 443, serverName: '', pinned: false,
    destroy: () => undefined, touch: () => undefined,
  }
  const people = { find: (_ip: string, user?: string) => ({ ...user === undefined ? {} : { user } }) }
  const pseudonyms = new Pseudonyms(createSecretKey(randomBytes(32)))
  const end = { kind: 'refused', up: 0, down: 0, refusal: 'tunnel.opaque', detail: 'no SNI' } as const
  recordTunnel(tunnel, end, 1, { metrics: createMetrics(), events, usage: new Usage(), log, people, pseudonyms })
  const [event] = events.recent()
  t.match(event, { user: { name: pseudonyms.user('ada') }, source: { address: pseudonyms.ip('192.0.2.1') } })
  t.match(lines.map((line): unknown => JSON.parse(line)), [{ client: pseudonyms.ip('192.0.2.1') }])
  t.notMatch(lines.join('') + JSON.stringify(events.recent()), /192\.0\.2\.1|\bada\b/)
})
