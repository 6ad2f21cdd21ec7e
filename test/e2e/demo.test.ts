import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const DEMO = fileURLToPath(new URL('../demo.ts', import.meta.url))

const skip = !existsSync('/usr/bin/curl') && 'not installed: curl'

t.test('the demo shows an upload allowed, one blocked and one cut, and ends', { skip }, async t => {
  const { code, out, said } = await runDemo()
  t.equal(code, 0, said)
  t.equal(said, '', 'nothing on stderr')
  const number = (text = ''): number => Number(text.replaceAll(',', ''))
  const rows = out.split('\n').map(line => line.split(/ {3,}/))
  const row = (start: string): readonly string[] => rows.find(([what = '']) => what.startsWith(start)) ?? []

  const [, sent, ...own] = row("to the organisation's own OneDrive")
  t.strictSame(own, ['allowed', 'own-tenants', sent])
  t.ok(number(sent) > 0)
  t.strictSame(row("to another organisation's OneDrive").slice(2), ['blocked', 'foreign-tenants', '0'])
  const [, whole, decision, rule, reached] = row('to Dropbox, its length not told')
  t.strictSame([decision, rule], ['blocked, cut', 'no-large-dropbox-uploads'])
  t.ok(number(reached) > 0 && number(reached) < 1_000_000 + (1 << 20), `${reached ?? 'nothing'} of ${whole ?? ''} reached the provider`)
  t.match(out, 'Company files go to the company OneDrive.')
  t.match(out, 'Files of 1 MB and more do not go to Dropbox.')
})

function runDemo(): Promise<{ code: number | null; out: string; said: string }> {
  return new Promise((resolve, reject) => {
    const env = { PATH: process.env.PATH ?? '/usr/bin:/bin' }
    const child = execFile(process.execPath, [DEMO], { env, timeout: 60_000 }, (_error, out, said) => {
      resolve({ code: child.exitCode, out, said })
    })
    child.once('error', reject)
  })
}
