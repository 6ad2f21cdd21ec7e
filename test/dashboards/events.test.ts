import t from 'tap'
import { Events, toEcs } from '../../dashboards/events.ts'
import { toLine } from '../../dashboards/ecs.ts'
import type { Sink } from '../../dashboards/sinks/sink.ts'
import { outcome } from './outcome.ts'

/** A sink that is written to only when the test says so. */
function heldSink() {
  const written: string[] = []
  let open = () => {}
  const gate = new Promise<void>(resolve => { open = resolve })
  const sink: Sink = {
    name: 'held', reopen() {}, async close() {},
    async write(lines) {
      await gate
      written.push(...lines.trimEnd().split('\n'))
    },
  }
  return { sink, written, open }
}

const idsOf = (lines: readonly string[]) => lines.map(line => JSON.parse(line).event.id)

t.test('an upload becomes an ECS event with its technique', async t => {
  t.match(toEcs(outcome(), 1), {
    '@timestamp': '2026-01-02T03:04:05.000Z',
    event: { kind: 'event', action: 'upload', type: ['connection', 'allowed'], outcome: 'success', duration: 120_500_000 },
    source: { ip: '10.1.2.3', bytes: 5_000_000 }, destination: { domain: 'content.dropboxapi.com', bytes: 300 },
    user: { name: 'ada' }, user_agent: { original: 'rclone/v1.60' },
    url: { domain: 'content.dropboxapi.com', path: '/2/files/upload' },
    http: { version: '2', request: { method: 'POST', body: { bytes: 5_000_000 } }, response: { status_code: 200 } },
    rule: { id: 'own-tenants', version: '7' }, file: { name: 'plan.pdf', size: 5_000_000 },
    threat: { technique: { id: ['T1567'], subtechnique: { id: ['T1567.002'] } } },
    sluice: { action: 'allow', tenant: { id: 'team', standing: 'sanctioned' }, operation: { provider: 'dropbox' }, reasons: ['rule'] },
  })
})

t.test('a block is denied; a download and a tunnel carry no technique', async t => {
  const blocked = toEcs(outcome({ decision: { action: 'block', ruleId: 'x', revision: 1, reasons: ['rule'], message: 'No.' }, status: 403 }), 1)
  t.match(blocked, { event: { type: ['connection', 'denied'], outcome: 'failure', reason: 'No.' } })
  const download = toEcs(outcome({ operation: { provider: 'dropbox', activity: 'download', step: 'single', size: { bytes: 0, is: 'exact' } } }), 1)
  t.notOk('threat' in download)
  const tunnel = toEcs(outcome({ operation: null, attribution: null, protocol: 'tunnel', status: null, path: '' }), 1)
  t.match(tunnel, { event: { action: 'tunnel', category: ['network'], outcome: 'success' } })
  t.notOk('threat' in tunnel)
})

t.test('strings are bounded to 2 KB of UTF-8, at whole characters', async t => {
  const long = '\u{1f600}'.repeat(3_000)
  const line = toLine(outcome({ path: `/${long}`, client: { ip: '::1', userAgent: long, class: 'unknown' } }), 1)
  const event = JSON.parse(line)
  t.match(event, { user_agent: { original: '\u{1f600}'.repeat(512) } })
  const { path } = event.url as { path: string }
  t.equal(Buffer.byteLength(path), 2_045, 'a slash and 511 characters of four bytes')
  t.ok(path.isWellFormed())
  t.equal(Buffer.byteLength(line) < 10_000, true)
})

t.test('no text of a client breaks a line or steers a terminal', async t => {
  const nasty = 'a\r\nb\u001b[2J\u009b2J\u2028\u007f\ud800"'
  const line = toLine(outcome({ client: { ip: '::1', userAgent: nasty, class: 'unknown' } }), 1)
  t.equal(line.indexOf('\n'), line.length - 1)
  t.notMatch(line.slice(0, -1), /[\u0000-\u001f\u007f-\u009f\u2028]/)
  t.equal(JSON.parse(line).user_agent.original, nasty.toWellFormed())
})

t.test('a session id, which can be a right to write, is hashed and taken out of the path', async t => {
  const session = 'fe6987415ace7X4e1eF866337'
  const line = toLine(outcome({
    path: `/rup/${session}/part`,
    operation: { provider: 'onedrive', activity: 'upload', step: 'chunk', size: { bytes: 1, is: 'exact' }, session },
  }), 1)
  t.notMatch(line, session)
  t.match(JSON.parse(line), { url: { path: '/rup/{session}/part' }, sluice: { operation: { session: /^[0-9a-f]{32}$/ } } })
})

t.test('the latest thousand are kept, newest first', async t => {
  const events = new Events([])
  for (let i = 0; i < 1_203; i++) events.record(outcome({ id: `event-${i}` }))
  const recent = events.recent()
  t.equal(recent.length, 1_000)
  t.equal(recent[0]?.event.id, 'event-1202')
  t.equal(recent[999]?.event.id, 'event-203')
  t.same(events.recent(2).map(event => event.event.id), ['event-1202', 'event-1201'])
  await events.close()
})

t.test('a sink that hangs costs the oldest events, counted, and no memory', async t => {
  const { sink, written, open } = heldSink()
  const length = toLine(outcome({ id: 'event-000' }), Date.now() * 1_000).length
  const events = new Events([sink], { bound: length * 10 })
  events.record(outcome({ id: 'event-000' }))
  await new Promise(resolve => setImmediate(resolve)) // the first is in the sink's hands now
  for (let i = 1; i <= 30; i++) events.record(outcome({ id: `event-${String(i).padStart(3, '0')}` }))
  t.equal(events.dropped, 20)
  open()
  await events.close()
  t.same(idsOf(written), ['event-000', ...Array.from({ length: 10 }, (_, i) => `event-0${21 + i}`)])
})

t.test('a sink that fails is offered the same lines again, and told of once', async t => {
  const written: string[] = []
  const told: (string | null)[] = []
  let failures = 3
  const sink: Sink = {
    name: 'flaky', reopen() {}, async close() {},
    async write(lines) {
      if (failures-- > 0) throw new Error('gone')
      written.push(lines)
    },
  }
  const events = new Events([sink], { retryAfter: 1, onFailure: (_, error) => told.push(error?.message ?? null) })
  events.record(outcome())
  const keep = setInterval(() => {}, 5)
  while (written.length === 0) await new Promise(resolve => setTimeout(resolve, 1))
  clearInterval(keep)
  t.same(idsOf(written), ['AAAAAAAAAAAAAAAAAAAAAA'])
  t.same(told, ['gone', null])
  t.equal(events.dropped, 0)
  await events.close()
})

t.test('closing does not wait for a sink that hangs; what was not written counts as dropped', async t => {
  const { sink, open } = heldSink()
  const events = new Events([sink])
  events.record(outcome())
  await new Promise(resolve => setImmediate(resolve))
  events.record(outcome())
  await events.close(20)
  t.equal(events.dropped, 1)
  events.record(outcome())
  t.equal(events.dropped, 2, 'and so does what comes later')
  open()
})
