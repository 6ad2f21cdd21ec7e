import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { SessionFiles } from '../../../policy/store/session-files.ts'
import type { SessionRecord } from '../../../policy/store/session-record.ts'
import { until } from './wait.ts'

const record: SessionRecord = { bytes: 1, sent: 1, fileName: 'a.txt', startedAt: 1, updatedAt: 1 }
const digest = (n: number): string => `${(n % 7).toString(16).padStart(2, '0')}${n.toString(16).padStart(30, '0')}`

async function names(dir: string): Promise<string[]> {
  return (await readdir(dir, { recursive: true })).filter((name) => name.endsWith('.json')).sort()
}

t.test('a session takes one file, whatever was written before', async (t) => {
  const dir = t.testdir()
  const files = new SessionFiles(dir)
  await files.open()
  for (const bytes of [5, 9, 3]) await files.write(digest(1), { ...record, bytes }, 60_000)
  t.equal((await names(dir)).length, 1)
  t.equal((await files.read(digest(1)))?.bytes, 9)
})

t.test('their number is bounded: the oldest go, and those that are over', async (t) => {
  let now = 1_000_000
  const dir = t.testdir()
  const files = new SessionFiles(dir, { max: 80, now: () => now })
  await files.open()
  for (let n = 0; n < 200; n++) {
    now += 1_000
    await files.write(digest(n), record, 3_600_000)
    const count = (await names(dir)).length
    if (count > 80) t.fail(`${count} files after ${n + 1} sessions`)
  }
  t.equal(await files.read(digest(0)), null)
  t.strictSame(await files.read(digest(199)), record)
  now += 3_590_000
  await new SessionFiles(dir, { max: 80, now: () => now }).open()
  const left = (await names(dir)).length
  t.ok(left > 0 && left < 20, `${left} are not over yet`)
})

t.test('what is damaged or foreign counts as nothing, and is replaced', async (t) => {
  const dir = t.testdir()
  const files = new SessionFiles(dir)
  await mkdir(join(dir, '01'))
  const expiry = Math.ceil(Date.now() / 1000) + 1_000
  for (const text of ['', '{"bytes":1', '{"bytes":-1,"startedAt":1,"updatedAt":1}', '[]', 'null', JSON.stringify({ ...record, fileName: 'x'.repeat(2_000) })]) {
    await writeFile(join(dir, '01', `${digest(1).slice(2)}-7-${expiry}.json`), text)
    t.equal(await files.read(digest(1)), null, text.slice(0, 40))
  }
  await writeFile(join(dir, '01', 'mine.txt'), 'kept')
  await files.open()
  await files.write(digest(1), { ...record, bytes: 8 }, 60_000)
  t.match(await files.read(digest(1)), { bytes: 8 })
  t.ok((await readdir(join(dir, '01'))).includes('mine.txt'))
})

t.test('leftovers of a died writer go', async (t) => {
  const dir = t.testdir({ '01': {} })
  const name = join(dir, '01', `.x.json.${'0'.repeat(16)}.tmp`)
  await writeFile(name, '{')
  const before = new Date(Date.now() - 120_000)
  await utimes(name, before, before)
  await new SessionFiles(dir).open()
  t.strictSame(await readdir(join(dir, '01')), [])
})

t.test('a writer that is killed leaves what it was answered for', async (t) => {
  const dir = t.testdir()
  const module = new URL('../../../policy/store/session-files.ts', import.meta.url).href
  const code = `import { SessionFiles } from ${JSON.stringify(module)}
    import { writeSync } from 'node:fs'
    const files = new SessionFiles(${JSON.stringify(dir)})
    await files.open()
    for (let n = 1; ; n++) {
      await files.write(${JSON.stringify(digest(1))}, { bytes: n, sent: 1, startedAt: 1, updatedAt: 1 }, 3_600_000)
      writeSync(1, n + '\\n')
    }`
  for (let round = 0; round < 5; round++) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.on('data', (data) => { output += String(data) })
    const closed = once(child, 'close')
    await until('the writer writes', () => output.length > 40 + round * 13, 20_000)
    child.kill('SIGKILL')
    await closed
    const answered = Number(output.trimEnd().split('\n').at(-1))
    const found = (await new SessionFiles(dir).read(digest(1)))?.bytes ?? 0
    t.ok(found >= answered, `${answered} was answered for, ${found} is there`)
  }
})
