/** `sluice user hash`, and what `sluice check` says of the file that its output stands in. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import t from 'tap'
import { parsePasswordHash } from '../../../policy/people/password-hash.ts'
import { main } from '../../../proxy/cli.ts'
import { isPassword } from '../../../proxy/people/password.ts'

async function run(input: string, ...args: string[]) {
  let out = ''
  let err = ''
  const io = { env: {}, out: (text: string) => { out += text }, err: (text: string) => { err += text }, input: Readable.from([input]) }
  const code = await main(args, io)
  return { code, out, err }
}

t.test('the hash of the line that is read', async (t) => {
  const { code, out, err } = await run('träumen\nmore\n', 'user', 'hash')
  t.strictSame({ code, err }, { code: 0, err: '' })
  const hash = parsePasswordHash(out.trim())
  t.match(hash, { ln: 15 })
  t.ok(hash !== null && await isPassword('träumen', hash))
  t.match((await run('x', 'user', 'hash', '--cost', '16')).out, /^\$scrypt\$ln=16,/)
  t.equal((await run('x', 'user', 'hash', '--cost', '10')).code, 2)
  for (const input of ['', '\n']) t.match(await run(input, 'user', 'hash'), { code: 2, out: '', err: /password is empty/ })
})

t.test('check counts the users, and a faulty file is its error', async (t) => {
  const dir = t.testdir()
  const [config, users] = [join(dir, 'sluice.yaml'), join(dir, 'users.yaml')]
  const { out: hash } = await run('x', 'user', 'hash')
  await writeFile(users, `users:\n  anna: { password: "${hash.trim()}" }\n  bob: {}\n`)
  await writeFile(config, JSON.stringify({
    proxy: { auth: 'basic' }, people: { file: users }, store: `embedded:${join(dir, 'store')}`, certs: { dir: join(dir, 'ca') },
  }))
  const good = await run('', 'check', '--config', config)
  t.equal(good.code, 0, good.err)
  t.match(good.out, '2 users, 1 of them with a password')
  t.notMatch(good.out, hash.trim())
  await writeFile(users, 'users:\n  anna: { password: hunter2 }\n')
  t.match(await run('', 'check', '--config', config), { code: 1, err: /users\/anna\/password .*\(at 2:11\).*\[people\.invalid\]/ })
})
