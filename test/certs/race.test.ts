import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'

const run = promisify(execFile)
const modulePath = new URL('../../certs/authority.ts', import.meta.url).href

// Each process waits for the same moment, opens the authority, and tells which one it has.
const program = `
  import { openAuthority } from ${JSON.stringify(modulePath)}
  const [dir, at] = process.argv.slice(1)
  while (Date.now() < Number(at));
  const authority = await openAuthority({ dir, constrain: 'catalogue', domains: ['dropbox.com'] })
  console.log(authority.fingerprint256)
`

t.test('processes that start at once on one directory end with one authority', async t => {
  const dir = t.testdir()
  for (let round = 0; round < 3; round++) {
    const at = String(Date.now() + 700)
    const args = ['--input-type=module', '-e', program, join(dir, `ca${round}`), at]
    const results = await Promise.all(Array.from({ length: 3 }, () => run(process.execPath, args)))
    t.equal(new Set(results.map(({ stdout }) => stdout)).size, 1)
    t.match(results[0]?.stdout, /^[0-9A-F]{2}(:[0-9A-F]{2}){31}\n$/)
    t.same(readdirSync(join(dir, `ca${round}`)).sort(), ['ca.crt', 'ca.key'])
  }
})

t.test('openings within one process at once end with one authority', async t => {
  const { openAuthority } = await import('../../certs/authority.ts')
  const dir = join(t.testdir(), 'ca')
  const all = await Promise.all(Array.from({ length: 8 }, () =>
    openAuthority({ dir, constrain: 'catalogue', domains: ['dropbox.com'] })))
  t.equal(new Set(all.map(authority => authority.fingerprint256)).size, 1)
})
