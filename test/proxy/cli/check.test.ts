/** What `sluice check` says of tenant restrictions, and that it changes nothing to say it. */
import { readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pino } from 'pino'
import t from 'tap'
import { openStore } from '../../../policy/store/open.ts'
import { main } from '../../../proxy/cli.ts'
import { loadConfig } from '../../../proxy/config.ts'
import { startSluice } from '../../../proxy/main.ts'
import { BY } from '../../policy/store/contract.ts'

const DIRECTORY = '11111111-2222-3333-4444-555555555555'

interface Place {
  readonly dir: string
  readonly file: string
}

async function place(dir: string, restrict: string, more = '', store = `embedded:${join(dir, 'store')}`): Promise<Place> {
  const file = join(dir, 'sluice.yaml')
  const [storeUrl, caDir] = [store, join(dir, 'ca')].map(text => JSON.stringify(text))
  await writeFile(file, `tenants: { restrict: ${restrict} }\nstore: ${storeUrl}\ncerts: { dir: ${caDir} }\n${more}`)
  return { dir, file }
}

async function run({ file }: Place, ...args: string[]) {
  let out = ''
  let err = ''
  const code = await main([...args, '--config', file], { env: {}, out: text => { out += text }, err: text => { err += text } })
  return { code, out, err }
}

/** Names, times and contents of all below a directory. */
async function everything(dir: string): Promise<unknown> {
  const names = (await readdir(dir, { recursive: true })).sort()
  return Promise.all(names.map(async name => {
    const { mtimeMs, mode } = await stat(join(dir, name))
    return [name, mtimeMs, mode, await readFile(join(dir, name), 'utf8').catch(() => 'a directory')]
  }))
}

t.test('without a store, nothing is made and it says so', async t => {
  const at = await place(t.testdir(), '{ google: on }')
  const { code, out } = await run(at, 'check')
  t.equal(code, 0)
  t.match(out, /Tenant restrictions:\n {2}- There is no store yet.*\n {2}- tenants\.restrict\.google: no listed tenant .* are refused/)
  t.strictSame(await readdir(at.dir), ['sluice.yaml'])
  t.notMatch((await run(await place(t.testdir(), '{}'), 'check')).out, 'Tenant restrictions')
})

t.test('what of the allowlist does not fit, without a change to the store', async t => {
  const at = await place(t.testdir(), `{ microsoft: { directory: ${DIRECTORY} }, google: on }`)
  const store = await openStore(`embedded:${join(at.dir, 'store')}`)
  await store.putTenant({ account: 'microsoft', id: 'contoso' }, BY)
  await store.putTenant({ account: 'microsoft', id: 'fabrikam.com' }, BY)
  await store.putTenant({ account: 'google', id: 'contoso.com' }, BY)
  await store.close()
  const before = await everything(at.dir)
  const { code, out } = await run(at, 'check')
  t.equal(code, 0)
  t.match(out, /contoso has no name that Restrict-Access-To-Tenants takes/)
  t.notMatch(out, /restrict\.google: (?:no listed|contoso)/)
  t.strictSame(await everything(at.dir), before)

  await writeFile(join(at.dir, 'store', 'tenants.json'), '{')
  t.match(await run(at, 'check'), { code: 0, out: /The allowlist cannot be read, so it was not checked.*tenants\.json is damaged/ })
})

t.test('a store that cannot be reached is said, and the rest is checked', async t => {
  const at = await place(t.testdir(), '{ google: on }', 'intercept: { bypass: [accounts.google.com] }\n', 'redis://127.0.0.1:1')
  t.match(await run(at, 'check'), {
    code: 1, out: /The allowlist cannot be read.*127\.0\.0\.1:1/, err: /intercept\.bypass accounts\.google\.com/,
  })
})

t.test('a restriction that is not applied is an error', async t => {
  for (const [restrict, more, told] of [
    [`{ microsoft: { directory: ${DIRECTORY} } }`, 'intercept: { bypass: [login.live.com] }\n', /intercept\.bypass login\.live\.com/],
    ['{ google: on }', 'intercept: { bypass: ["*.google.com"] }\n', /intercept\.bypass \*\.google\.com/],
    ['{ github: on }', 'intercept: { bypass: [api.github.com] }\n', /intercept\.bypass api\.github\.com/],
    ['{ dropbox: on }', 'intercept: { mode: none }\n', /intercept\.mode none/],
  ] as const) {
    t.match(await run(await place(t.testdir(), restrict, more), 'check'), { code: 1, out: told, err: told })
  }
  for (const [restrict, bypass] of [
    ['{ google: on }', 'mail.google.com'], ['{ dropbox: on }', 'content.dropboxapi.com'], ['{}', 'login.live.com'],
  ] as const) {
    const at = await place(t.testdir(), restrict, `intercept: { bypass: [${bypass}] }\n`)
    t.match(await run(at, 'check'), { code: 0 }, `${restrict} ${bypass}`)
  }
})

t.test('an authority of before the restriction: check says it, a start is refused, a renewal helps', async t => {
  const dir = t.testdir()
  const listen = 'proxy: { listen: "127.0.0.1:0" }\nadmin: { listen: "127.0.0.1:0" }\nevents: { sinks: [] }\n'
  t.equal((await run(await place(dir, '{}', listen), 'ca', 'show')).code, 0)
  const at = await place(dir, '{ github: on }', listen)
  t.match(await run(at, 'check'), {
    code: 0, out: /renewal is due: it cannot sign for github\.com, githubcopilot\.com\. Run `sluice ca renew`/,
  })
  const start = () => startSluice(loadConfig({ file: at.file, env: {} }), pino({ level: 'silent' }))
  await t.rejects(start(), { code: 'ca.renewal-due', remedy: /sluice ca renew/ })
  t.equal((await run(at, 'ca', 'renew')).code, 0)
  t.equal((await run(at, 'ca', 'renew', '--switch')).code, 0)
  t.notMatch((await run(at, 'check')).out, 'renewal is due')
  const running = await start()
  t.ok(running.addresses.proxy[0])
  await running.close()
})
