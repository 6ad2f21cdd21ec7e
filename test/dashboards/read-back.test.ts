import { open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { toLine } from '../../dashboards/ecs.ts'
import { peekLine } from '../../dashboards/peek-line.ts'
import { blocksBack, blocksOn, lastLine, linesBack, linesOn, seek } from '../../dashboards/read-back.ts'
import { outcome } from './outcome.ts'

t.test('lines come whole in both directions, whatever the chunk', async t => {
  const path = join(t.testdir(), 'lines')
  const lines = fc.array(fc.stringMatching(/^[a-z]{1,40}$/), { maxLength: 30 })
  await fc.assert(fc.asyncProperty(lines, fc.integer({ min: 1, max: 60 }), fc.stringMatching(/^[a-z]{0,9}$/), async (written, chunk, half) => {
    await writeFile(path, written.map(line => `${line}\n`).join('') + half)
    await using handle = await open(path)
    const [back, on]: string[][] = [[], []]
    for await (const block of blocksBack(handle, (await handle.stat()).size, chunk)) for (const line of linesBack(block)) back?.push(line.toString())
    for await (const block of blocksOn(handle, 0, chunk)) for (const line of linesOn(block)) on?.push(line.toString())
    t.strictSame(back?.reverse(), written)
    t.strictSame(on, written)
    t.equal((await lastLine(handle))?.toString(), written.at(-1))
  }), { numRuns: 100 })
})

t.test('a line that is longer than any event takes no memory and hides no other', async t => {
  const path = join(t.testdir(), 'lines')
  await writeFile(path, `one\n${'x'.repeat(3_000_000)}\ntwo\n`)
  await using handle = await open(path)
  const back: string[] = []
  for await (const block of blocksBack(handle, (await handle.stat()).size)) for (const line of linesBack(block)) back.push(line.toString())
  t.equal(back[0], 'two')
  t.equal(back.at(-1), 'one')
  t.ok(back.every(line => line.length < 1_500_000))
})

t.test('a place is found by number among many events', async t => {
  const path = join(t.testdir(), 'events')
  const lines = Array.from({ length: 3_000 }, (_, i) => toLine(outcome(), 10 * (i + 1)))
  await writeFile(path, lines.join(''))
  await using handle = await open(path)
  const { size } = await handle.stat()
  const starts = lines.map((_, i) => lines.slice(0, i).reduce((sum, line) => sum + line.length, 0))
  for (const n of [0, 1, 10, 15, 14_995, 15_000, 29_999, 30_000, 40_000]) {
    const { from, to } = await seek(handle, size, n)
    const exact = starts[Math.max(0, Math.ceil(n / 10) - 1)] ?? size
    t.ok(from <= exact && exact <= to, `${n}: ${from} ${exact} ${to}`)
    t.ok(to - from < 600_000)
  }
})

t.test('the beginning of a line tells time, id and number', async t => {
  const line = Buffer.from(toLine(outcome(), 123))
  t.strictSame(peekLine(line), { at: '2026-01-02T03:04:05.000Z', id: 'AAAAAAAAAAAAAAAAAAAAAA', sequence: 123, isNumbered: true })
  const before = Buffer.from(line.toString().replace('"sequence":123,', ''))
  t.match(peekLine(before), { id: 'AAAAAAAAAAAAAAAAAAAAAA', sequence: Date.UTC(2026, 0, 2, 3, 4, 5) * 1_000 })
  for (const odd of ['', '{}', 'torn": 1}', '{"@timestamp":"yesterday-not-a-time-at-all","ecs":{},"event":{"id":"x",}}']) {
    t.equal(peekLine(Buffer.from(odd)), undefined, odd)
  }
})
