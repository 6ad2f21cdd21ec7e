import { spawn, spawnSync } from 'node:child_process'
import { createHmac, randomBytes } from 'node:crypto'
import { chmod, mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { readBindingKey } from '../../../policy/tenant/binding-key.ts'

const log = (): void => undefined

/** What an HMAC with the key gives. */
async function mark(file: string | null, dir: string): Promise<string> {
  return createHmac('sha256', await readBindingKey({ file, dir, log })).update('x').digest('hex')
}

t.test('a key is made once, for the owner only, and read again', async (t) => {
  const dir = join(t.testdir(), 'a', 'data')
  const first = await mark(null, dir)
  const made = join(dir, 'tenant.key')
  t.equal((await stat(made)).mode & 0o777, 0o600)
  t.equal((await stat(dir)).mode & 0o777, 0o700)
  t.match(await readFile(made, 'utf8'), /^[A-Za-z0-9_-]{43}\n$/)
  t.equal(await mark(null, dir), first)
  t.equal(await mark(made, 'elsewhere'), first, 'it may be mounted elsewhere')
  t.not(await mark(null, join(t.testdir(), 'other')), first)
})

t.test('many that start at once read one key, and leave nothing else', async (t) => {
  const dir = join(t.testdir(), 'data')
  const marks = await Promise.all(Array.from({ length: 30 }, () => mark(null, dir)))
  t.equal(new Set(marks).size, 1)
  t.strictSame(await readdir(dir), ['tenant.key'])
})

t.test('processes that start at once read one key', async (t) => {
  const dir = join(t.testdir(), 'data')
  const module = new URL('../../../policy/tenant/binding-key.ts', import.meta.url).href
  const code = `import { readBindingKey } from ${JSON.stringify(module)}
    import { createHmac } from 'node:crypto'
    const key = await readBindingKey({ file: null, dir: ${JSON.stringify(dir)}, log: () => undefined })
    process.stdout.write(createHmac('sha256', key).update('x').digest('hex'))`
  const marks = await Promise.all(Array.from({ length: 4 }, () =>
    text(spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] }).stdout)))
  t.strictSame([...new Set(marks)], [await mark(null, dir)])
  t.strictSame(await readdir(dir), ['tenant.key'])
})

t.test('a key is the bytes of its file, the last line break of a text left out', async (t) => {
  const dir = t.testdir()
  const path = join(dir, 'key')
  const markOf = async (bytes: Buffer | string): Promise<string> => {
    await writeFile(path, bytes, { mode: 0o600 })
    return mark(path, dir)
  }
  const word = randomBytes(32).toString('base64')
  const plain = await markOf(word)
  t.equal(plain, createHmac('sha256', word).update('x').digest('hex'))
  t.equal(await markOf(`${word}\n`), plain)
  t.equal(await markOf(`${word}\r\n`), plain)
  t.not(await markOf(`${word} `), plain)
  const bytes = Buffer.concat([Buffer.from([0, 200]), randomBytes(29), Buffer.from('\n')])
  t.equal(await markOf(bytes), createHmac('sha256', bytes).update('x').digest('hex'), '32 bytes stay 32')
})

t.test('what can be guessed is refused', async (t) => {
  const dir = t.testdir()
  const path = join(dir, 'key')
  const cases: [Buffer | string, string][] = [
    ['', '0 bytes'], [`${randomBytes(15).toString('hex')}\n`, '30 bytes'],
    [Buffer.alloc(64), 'not random'], ['changeme'.repeat(8), 'not random'],
  ]
  for (const [bytes, why] of cases) {
    await writeFile(path, bytes, { mode: 0o600 })
    const error: unknown = await mark(path, dir).then(() => null, (error: unknown) => error)
    t.match(error, { code: 'binding-key.weak', message: new RegExp(`${path} .*${why}`), remedy: new RegExp(path) })
  }
})

t.test('what cannot be read is named, with what helps', async (t) => {
  const dir = t.testdir({ file: 'text', large: 'x'.repeat(5_000) })
  const pipe = join(dir, 'pipe')
  t.equal(spawnSync('mkfifo', [pipe]).status, 0)
  const files: [string, string][] = [
    [join(dir, 'none'), 'no such file'], [dir, 'not a file'], [pipe, 'not a file'], [join(dir, 'large'), '4096 bytes'],
  ]
  for (const [path, why] of files) {
    const message = new RegExp(`${path} .*${why}`)
    await t.rejects(mark(path, dir), { code: 'binding-key.unreadable', message, remedy: /tenants\.keyFile/ })
  }
  await t.rejects(mark(null, join(dir, 'file')), { code: 'binding-key.unreadable', message: /file\/tenant\.key .*ENOTDIR/ })
  await mkdir(join(dir, 'data', 'tenant.key'), { recursive: true })
  await t.rejects(mark(null, join(dir, 'data')), { code: 'binding-key.unreadable', message: /not a file/ })
  t.strictSame(await readdir(join(dir, 'data', 'tenant.key')), [])
})

t.test('a key that others may read is named, not shown', async (t) => {
  const dir = t.testdir({ key: randomBytes(32).toString('base64') })
  const path = join(dir, 'key')
  const word = await readFile(path, 'utf8')
  const lines: string[] = []
  const read = async (mode: number): Promise<void> => {
    await chmod(path, mode)
    await readBindingKey({ file: path, dir, log: (level, message) => lines.push(`${level} ${message}`) })
  }
  await read(0o600)
  await read(0o400)
  t.strictSame(lines, [])
  await read(0o644)
  await read(0o640)
  t.strictSame(lines, Array.from({ length: 2 }, () => `warn The key of the bindings is open to group or others: chmod 600 ${path}`))
  t.notMatch(lines.join(), word)
})
