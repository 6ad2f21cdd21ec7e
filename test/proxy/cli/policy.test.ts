import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { main } from '../../../proxy/cli.ts'

const WRITTEN = `# Ours.
default: log
unknownTenant: log
rules:
  # Nobody needs it.
  - { id: no-mega, when: { provider: mega }, action: block }
`

t.test('what was put is got as it was written, and putting back what was got adds nothing', async t => {
  const dir = t.testdir()
  const run = async (...args: string[]): Promise<string> => {
    let [out, err] = ['', '']
    const env = { SLUICE_STORE_URL: `embedded:${join(dir, 'data')}`, USER: 'al\nice' }
    const code = await main(args, { env, out: text => { out += text }, err: text => { err += text } })
    t.equal(code, 0, err)
    return out
  }
  const file = join(dir, 'policy.yaml')
  writeFileSync(file, WRITTEN)
  await run('policy', 'put', file)
  const first = await run('policy', 'get')
  t.match(first, /^# revision 1, 2[0-9T:.-]+Z, by cli:al ice\n/)
  t.equal(first.replace(/^.*\n/, ''), WRITTEN)
  writeFileSync(file, first)
  await run('policy', 'put', file)
  const second = await run('policy', 'get')
  t.match(second, /^# revision 2, /)
  t.equal(second.replace(/^.*\n/, ''), WRITTEN)
  writeFileSync(file, `# revision 1, 2020-01-01, by hand\n${second}`)
  await run('policy', 'put', file)
  t.equal((await run('policy', 'get')).replace(/^.*\n/, ''), WRITTEN)
})
