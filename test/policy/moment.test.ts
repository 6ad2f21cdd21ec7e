import t from 'tap'
import { parseMoment } from '../../policy/moment.ts'

const NOW = Date.UTC(2026, 10, 30, 12)

t.test('a point in time is a time, a day, or how long ago', async t => {
  for (const [text, at] of [
    ['2026-11-30T08:00:00Z', Date.UTC(2026, 10, 30, 8)], ['2026-11-30T08:00:00.250+01:00', Date.UTC(2026, 10, 30, 7, 0, 0, 250)],
    ['2026-11-30T08:00Z', Date.UTC(2026, 10, 30, 8)], ['2026-11-30', Date.UTC(2026, 10, 30)], ['90m', NOW - 5_400_000], ['24h', NOW - 86_400_000],
    ['30d', NOW - 30 * 86_400_000], ['999999d', 0],
  ] as const) t.equal(parseMoment(text, NOW), at, text)
})

t.test('what could be read in two ways is none', async t => {
  for (const text of ['', 'now', '1', '08:00', '2026-11-30T08:00:00', '30.11.2026', '2026-13-01', '2026-11-30 08:00Z', '1e3h', '-1h', '1969-12-31', '24H']) {
    t.equal(parseMoment(text, NOW), undefined, text)
  }
})
