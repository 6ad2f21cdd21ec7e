import { readFile, rename, stat, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { Events } from '../../../dashboards/events.ts'
import { createSinks } from '../../../dashboards/sinks/index.ts'
import { fileSink } from '../../../dashboards/sinks/file.ts'
import { outcome } from '../outcome.ts'

t.test('events are lines of JSON in a file for its owner only', async t => {
  const path = join(t.testdir(), 'new', 'events.ndjson')
  const events = new Events(createSinks([{ type: 'file', path }]))
  for (let i = 0; i < 500; i++) events.record(outcome({ id: `event-${i}` }))
  await events.close()
  const lines = (await readFile(path, 'utf8')).trimEnd().split('\n')
  t.same(lines.map(line => JSON.parse(line).event.id), Array.from({ length: 500 }, (_, i) => `event-${i}`))
  t.equal((await stat(path)).mode & 0o777, 0o600)
  t.equal(events.dropped, 0)
})

t.test('after a rotation and reopen, a new file is begun', async t => {
  const dir = t.testdir()
  const path = join(dir, 'events.ndjson')
  const sink = fileSink(path)
  await sink.write('one\n')
  await sink.write('two\n')
  await rename(path, `${path}.1`)
  sink.reopen()
  await sink.write('three\n')
  await sink.close()
  t.equal(await readFile(`${path}.1`, 'utf8'), 'one\ntwo\n')
  t.equal(await readFile(path, 'utf8'), 'three\n')
})

t.test('what is there already is kept', async t => {
  const path = join(t.testdir({ 'events.ndjson': 'old\n' }), 'events.ndjson')
  const sink = fileSink(path)
  await sink.write('new\n')
  await sink.close()
  t.equal(await readFile(path, 'utf8'), 'old\nnew\n')
})

t.test('a symbolic link in the place of the file is refused', async t => {
  const dir = t.testdir({ victim: 'untouched' })
  await symlink(join(dir, 'victim'), join(dir, 'events.ndjson'))
  const sink = fileSink(join(dir, 'events.ndjson'))
  await t.rejects(sink.write('line\n'), { code: 'ELOOP' })
  await sink.close()
  t.equal(await readFile(join(dir, 'victim'), 'utf8'), 'untouched')
})
