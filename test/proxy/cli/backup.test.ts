import { readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { main } from '../../../proxy/cli.ts'

async function run(store: string, ...args: string[]) {
  let out = ''
  let err = ''
  const code = await main([...args, '--store', store], { env: { USER: 'ada' }, out: text => { out += text }, err: text => { err += text } })
  return { code, out, err }
}

t.test('a store is backed up into one file for its owner, and restored', async t => {
  const dir = t.testdir({ 'policy.yaml': 'default: allow\nunknownTenant: log\nrules: []\n' })
  const [from, to] = [`embedded:${join(dir, 'from')}`, `embedded:${join(dir, 'to')}`]
  const file = join(dir, 'sluice.backup')
  await run(from, 'policy', 'put', join(dir, 'policy.yaml'))
  await run(from, 'tenants', 'add', 'google', 'own.example')
  await writeFile(file, 'an older one', { mode: 0o644 })
  const made = await run(from, 'backup', file)
  t.match(made, { code: 0, out: /^\S+: 1 revisions, 1 tenants, 0 tokens, 2 audit entries, head 2:[0-9a-f]{64}\n$/, err: '' })
  t.equal((await stat(file)).mode & 0o777, 0o600)
  t.match(await run(to, 'restore', file), { code: 0, out: /^Restored \S+: 1 revisions, 1 tenants.*; revision 1 decides\n$/ })
  t.equal((await run(to, 'tenants', 'list')).out, 'google\town.example\t\t\n')
  t.match((await run(to, 'audit', 'list', '--from', '3')).out, /^3\t\S+\tcli:ada\tcli\tstore\.restore\tbackup of /)
  t.match(await run(to, 'audit', 'verify', '--head', /head (\S+)/.exec(made.out)?.[1] ?? ''), { code: 0 })

  t.match(await run(to, 'restore', file), { code: 1, out: '', err: /holds something already.*--replace.*\[store\.not-empty\]\n$/ })
  t.match(await run(to, 'restore', file, '--replace'), { code: 0, out: /revision 2 decides\n$/ })

  const before = await readdir(join(dir, 'to'), { recursive: true })
  await writeFile(file, (await readFile(file, 'utf8')).replace('own.example', 'owm.example'))
  t.match(await run(to, 'restore', file, '--replace'), { code: 1, out: '', err: /checksum.*\[backup\.unreadable\]\n$/ })
  t.match(await run(to, 'restore', join(dir, 'none')), { code: 1, err: /ENOENT.*\[backup\.unreadable\]\n$/ })
  t.match(await run(to, 'backup', join(dir, 'no', 'where')), { code: 1, err: /ENOENT.*\[backup\.unwritable\]\n$/ })
  t.strictSame(await readdir(join(dir, 'to'), { recursive: true }), before)
})
