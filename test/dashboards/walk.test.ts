/** What is read while another program renames the files under the reader. */
import { rename, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { toLine } from '../../dashboards/ecs.ts'
import { peekLine } from '../../dashboards/peek-line.ts'
import { linesBack, linesOn } from '../../dashboards/read-back.ts'
import { eventFiles } from '../../dashboards/sinks/names.ts'
import { isPassed, walkBack, walkOn } from '../../dashboards/walk.ts'
import { outcome } from './outcome.ts'

const line = (n: number) => toLine(outcome({ id: `event-${n}` }), n)

/** Renames all files, once, as logrotate does. */
function rotation(path: string): () => Promise<void> {
  let isDone = false
  return async () => {
    if (isDone) return
    isDone = true
    await rename(`${path}.2`, `${path}.3`)
    await rename(`${path}.1`, `${path}.2`)
    await rename(path, `${path}.1`)
  }
}

t.test('a file that was renamed after it was listed is read under its new name, and none is read twice', async t => {
  const dir = t.testdir({ 'events.ndjson': line(5) + line(6), 'events.ndjson.1': line(3) + line(4), 'events.ndjson.2': line(1) + line(2) })
  const path = join(dir, 'events.ndjson')
  const place = { sequence: Infinity }
  const found: number[] = []
  const rotate = rotation(path)
  for await (const block of walkBack(path, place)) {
    for (const one of linesBack(block)) {
      const peek = peekLine(one)
      if (peek !== undefined && !isPassed(peek, place)) found.push(peek.sequence)
    }
    await rotate()
  }
  t.strictSame(found, [6, 5, 4, 3, 2, 1])
})

t.test('the same from the oldest to the newest', async t => {
  const dir = t.testdir({ 'events.ndjson': line(5) + line(6), 'events.ndjson.1': line(3) + line(4), 'events.ndjson.2': line(1) + line(2) })
  const path = join(dir, 'events.ndjson')
  const place = { sequence: 1 }
  const found: number[] = []
  const rotate = rotation(path)
  for await (const block of walkOn(path, place)) {
    for (const one of linesOn(block)) {
      const sequence = peekLine(one)?.sequence ?? 0
      if (sequence <= place.sequence) continue
      place.sequence = sequence
      found.push(sequence)
    }
    await rotate()
  }
  t.strictSame(found, [2, 3, 4, 5, 6])
})

t.test('a symbolic link is no event file: it could name any file', async t => {
  const dir = t.testdir({ 'events.ndjson': line(2), secret: line(1) })
  await symlink(join(dir, 'secret'), join(dir, 'events-2026-11-30.1.ndjson'))
  t.strictSame((await eventFiles(join(dir, 'events.ndjson'))).map(({ name }) => name), ['events.ndjson'])
})
