import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import t from 'tap'
import { main } from '../../../proxy/cli.ts'
import { noRedis, startRedis } from '../../policy/store/redis-server.ts'

async function run(store: string, ...args: string[]) {
  return runBy('ada', store, ...args)
}

async function runBy(user: string, store: string, ...args: string[]) {
  let out = ''
  let err = ''
  const code = await main([...args, '--store', store], {
    env: { USER: user }, out: text => { out += text }, err: text => { err += text },
  })
  return { code, out, err }
}

t.test('the log is verified and listed: who changed what, and from where', async t => {
  const store = `embedded:${join(t.testdir(), 'data')}`
  t.strictSame(await run(store, 'audit', 'verify'), { code: 0, out: '0 entries, chain intact\n', err: '' })
  await run(store, 'tenants', 'add', 'google', 'own.example', '--name', 'Own')
  await runBy('a\tb\u001b[2J\u202e', store, 'token', 'create', '--role', 'viewer', '--label', 'of "ci"')
  await run(store, 'tenants', 'remove', 'google', 'own.example')
  const { code, out } = await run(store, 'audit', 'verify')
  t.equal(code, 0)
  t.match(out, /^3 entries, chain intact, head 3:[0-9a-f]{64}\n$/)
  const listed = (await run(store, 'audit', 'list')).out.split('\n').map(line => line.split('\t'))
  t.match(listed, [
    ['1', /^\d{4}-/, 'cli:ada', 'cli', 'tenant.put', 'google/own.example', '{"after":{"name":"Own"}}'],
    ['2', /^\d{4}-/, 'cli:a\\u0009b\\u001b[2J\\u202e', 'cli', 'token.create', /^[0-9a-f]{12}$/, /"label":"of \\"ci\\""/],
    ['3', /^\d{4}-/, 'cli:ada', 'cli', 'tenant.delete', 'google/own.example'],
    [''],
  ])
  t.equal(listed.length, 4)
  t.match((await run(store, 'audit', 'list', '--from', '2', '--limit', '1')).out, /^2\t.*\n$/)
  t.match(await run(store, 'audit', 'list', '--from', 'x'), { code: 2, err: /\[usage\]/ })
  t.match(await run(store, 'audit', 'verify', '--head', 'x'), { code: 2, err: /"x" is no head.*\[usage\]/ })
})

t.test('a changed entry is named, and a log that was cut is seen by a head that was kept', async t => {
  const dir = join(t.testdir(), 'data')
  const store = `embedded:${dir}`
  for (const id of ['a', 'b', 'c']) await run(store, 'tenants', 'add', 'google', `${id}.example`)
  const head = /head (\S+)/.exec((await run(store, 'audit', 'verify')).out)?.[1] ?? ''
  t.match(await run(store, 'audit', 'verify', '--head', head), { code: 0 })
  const second = join(dir, 'audit', '000000002.json')
  const text = await readFile(second, 'utf8')
  await writeFile(second, text.replace('cli:ada', 'cli:eve'))
  t.match(await run(store, 'audit', 'verify'), { code: 1, out: '', err: /entry 2 has been changed.*\[audit\.broken\]\n$/ })
  // Made anew with the changes that are kept: whole within itself, but another.
  for (const n of [1, 2, 3]) await rm(join(dir, 'audit', `00000000${n}.json`))
  for (const n of [1, 2]) await rm(join(dir, 'tenants', `00000${n}.json`))
  t.match(await run(store, 'audit', 'verify'), { code: 0, out: /^2 entries, chain intact/ })
  t.match(await run(store, 'audit', 'verify', '--head', head), { code: 1, err: /cut off.*\[audit\.broken\]\n$/ })
})

t.test('the same in Redis', { skip: noRedis() }, async t => {
  const redis = await startRedis()
  if (redis === null) return
  t.teardown(() => redis.close())
  for (const id of ['a', 'b', 'c']) await run(redis.url, 'tenants', 'add', 'google', `${id}.example`)
  t.match(await run(redis.url, 'audit', 'verify'), { code: 0, out: /^3 entries, chain intact, head 3:/ })
  const raw = new Redis(redis.url)
  t.teardown(() => raw.disconnect())
  await raw.hdel('{sluice}:audit', '2')
  t.match(await run(redis.url, 'audit', 'verify'), { code: 1, err: /entry 2 is missing.*\[audit\.broken\]\n$/ })
})
