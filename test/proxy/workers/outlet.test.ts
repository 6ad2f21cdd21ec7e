import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { Outlet } from '../../../proxy/workers/outlet.ts'
import type { Records } from '../../../proxy/workers/messages.ts'
import { outcome } from '../../dashboards/outcome.ts'

const LINE = 2_000

t.test('what is recorded leaves in batches, and no more of them than the other process takes', async t => {
  const batches: Records[] = []
  const outlet = new Outlet({ send: (records) => batches.push(records), gatherMs: 0 })
  for (let i = 0; i < 3; i++) outlet.record(outcome({ id: `event-${i}` }))
  for (let i = 0; i < 2; i++) outlet.block('ada')
  outlet.add({ provider: 'dropbox', bytes: 5 })
  outlet.sent('bodies', 'a', { bytes: 1, onWay: 7 })
  outlet.sent('bodies', 'a', { bytes: 2, onWay: -3 })
  outlet.sent('tunnels', 'a', { bytes: 4, onWay: 0 })
  await sleep(20)
  t.equal(batches.length, 1)
  t.equal(batches[0]?.lines.length, 3)
  t.match(batches[0]?.lines[0], '"event":{"id":"event-0","sequence":0,')
  t.same(batches[0]?.uploads, [{ provider: 'dropbox', bytes: 5 }])
  t.same(batches[0]?.blocked, ['ada', 'ada'])
  t.same(batches[0]?.sent, [{ of: 'bodies', key: 'a', bytes: 3, onWay: 4 }, { of: 'tunnels', key: 'a', bytes: 4, onWay: 0 }])
  for (let i = 0; i < 5; i++) {
    outlet.record(outcome())
    await sleep(20)
  }
  t.equal(batches.length, 4)
  outlet.kept()
  t.equal(batches.length, 5)
  t.equal(batches[4]?.lines.length, 2, 'what has come meanwhile is one batch')
})

t.test('events that find no room are counted; what rules hold by is never dropped', async t => {
  const batches: Records[] = []
  const outlet = new Outlet({ send: (records) => batches.push(records), bound: 3 * LINE, gatherMs: 0 })
  for (let i = 0; i < 100; i++) outlet.record(outcome())
  outlet.sent('bodies', 'a', { bytes: 1, onWay: 0 })
  await sleep(20)
  const kept = batches[0]?.lines.length ?? 0
  t.ok(kept > 0 && kept < 100)
  t.equal(outlet.dropped, 100 - kept)
  t.equal(batches[0]?.sent.length, 1)
  outlet.record(outcome())
  t.equal(outlet.dropped, 101 - kept, 'what the other process has not taken yet counts')
  outlet.kept()
  outlet.record(outcome())
  t.equal(outlet.dropped, 101 - kept)
})

t.test('closing waits until all was taken', async t => {
  const outlet = new Outlet({ send: () => undefined })
  outlet.record(outcome())
  let isClosed = false
  const closing = outlet.close(60_000).then(() => { isClosed = true })
  await sleep(20)
  t.notOk(isClosed)
  outlet.kept()
  await closing
  await new Outlet({ send: () => undefined }).close(60_000)
})
