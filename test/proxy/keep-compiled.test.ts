import { execFileSync } from 'node:child_process'
import { resolve } from 'node:path'
import t from 'tap'

t.test('what was compiled is kept where only those write that can change the packages', async t => {
  const program = `
    import { getCompileCacheDir } from 'node:module'
    import { keepCompiled } from './proxy/keep-compiled.ts'
    keepCompiled()
    console.log(getCompileCacheDir())
  `
  const { NODE_COMPILE_CACHE: _, NODE_DISABLE_COMPILE_CACHE: __, ...env } = process.env
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', program], { env, encoding: 'utf8' }).trim()
  t.ok(said.startsWith(resolve('node_modules/.cache')), said)
})
