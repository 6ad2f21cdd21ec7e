/** Bad input, to the program as it is run: one clear line on stderr, exit code 1 (2 for usage), nothing half-written. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, readdir, writeFile } from 'node:fs/promises'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { openAuthority } from '../../certs/authority.ts'

const CLI = join(import.meta.dirname, '../../proxy/cli.ts')

/** Nothing else of our own environment, but what spares each start the compiling. */
const { NODE_COMPILE_CACHE } = process.env
const COMPILED = NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE }

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

async function run(dir: string, args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  const child = spawn(process.execPath, [CLI, ...args], {
    cwd: dir, env: { PATH: process.env.PATH ?? '', HOME: dir, ...COMPILED, ...env }, stdio: ['ignore', 'pipe', 'pipe'], timeout: 30_000,
  })
  const closed = once(child, 'close')
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)])
  const [code] = await closed as [number | null]
  return { code, out, err }
}

/** The lines for people; the log's lines are JSON. */
function said(err: string): string[] {
  return err.split('\n').filter((line) => line.startsWith('sluice: '))
}

/** A configuration that would start, with these keys over it. */
function config(over: Record<string, Record<string, unknown>> = {}): string {
  const base: Record<string, Record<string, unknown>> = {
    proxy: { listen: '127.0.0.1:0' }, admin: { listen: '127.0.0.1:0' }, store: { url: 'embedded:./store' }, certs: { dir: './ca' },
    events: { sinks: [{ type: 'file', path: './events.ndjson' }] },
  }
  for (const [section, values] of Object.entries(over)) base[section] = { ...base[section], ...values }
  return JSON.stringify(base)
}

const POLICY = 'default: allow\nunknownTenant: log\nrules:\n  - id: one\n    when: { activity: upload }\n    action: block\n'

t.test('a key that does not exist', async t => {
  const dir = t.testdir({ 'sluice.yaml': 'proxy:\n  lissten: "127.0.0.1:0"\n' })
  const { code, err, out } = await run(dir, ['start'])
  t.equal(code, 1)
  t.match(err, /^sluice: proxy\.lissten in sluice\.yaml is not a key of the configuration\. Did you mean proxy\.listen\? \[config\.unknown-key\]\n$/)
  t.equal(out, '')
  t.strictSame(await readdir(dir), ['sluice.yaml'], 'nothing was made')
})

t.test('a port in use, of the proxy and of the admin API', async t => {
  const other = net.createServer()
  other.listen(0, '127.0.0.1')
  await once(other, 'listening')
  t.teardown(() => other.close())
  const address = `127.0.0.1:${(other.address() as AddressInfo).port}`
  for (const section of ['proxy', 'admin']) {
    const dir = t.testdir({ 'sluice.yaml': config({ [section]: { listen: address } }) })
    const { code, err, out } = await run(dir, ['start'])
    t.equal(code, 1)
    t.strictSame(said(err), [`sluice: ${address} is already in use. ` +
      `Stop the other program or set ${section}.listen to another port. [listen.in-use]`])
    t.equal(out, '')
    t.strictSame((await readdir(dir, { recursive: true })).filter((name) => /tmp|lock|partial/i.test(name)), [], 'nothing half-written')
  }
})

t.test('a CA key that others can read', async t => {
  const dir = t.testdir({ 'sluice.yaml': config() })
  await openAuthority({ dir: join(dir, 'ca'), constrain: 'catalogue', domains: ['dropbox.com'] })
  const before = await readdir(join(dir, 'ca'))
  const key = before.find((name) => name.endsWith('.key'))
  t.ok(key !== undefined)
  await chmod(join(dir, 'ca', key ?? ''), 0o644)
  const { code, err } = await run(dir, ['start'])
  t.equal(code, 1)
  t.equal(said(err).length, 1, err)
  t.match(said(err)[0], /ca\.key.*(600|chmod|others)/)
  t.strictSame(await readdir(join(dir, 'ca')), before)
  await writeFile(join(dir, 'ca', key ?? ''), 'no key at all')
  await chmod(join(dir, 'ca', key ?? ''), 0o600)
  const broken = await run(dir, ['start'])
  t.equal(broken.code, 1)
  t.equal(said(broken.err).length, 1, broken.err)
  t.notMatch(broken.err, 'no key at all')
})

t.test('a policy that cannot be', async t => {
  const dir = t.testdir({
    'double.yaml': `${POLICY}  - id: one\n    action: log\n`,
    'size.yaml': POLICY.replace('{ activity: upload }', '{ size: { atLeast: 5XB } }'),
    'crossed.yaml': POLICY.replace('{ activity: upload }', '{ size: { atLeast: 5MB, below: 1MB } }'),
    'good.yaml': POLICY,
  })
  const cases = [['double.yaml', /rules\/1\/id one is already/], ['size.yaml', /5XB is not a size/], ['crossed.yaml', /no size fits/]] as const
  for (const [file, message] of cases) {
    const { code, err, out } = await run(dir, ['policy', 'validate', file])
    t.equal(code, 1, file)
    t.equal(said(err).length, 1, err)
    t.match(err, message)
    t.match(err, file)
    t.equal(out, '')
  }
  t.equal((await run(dir, ['policy', 'validate', 'good.yaml'])).code, 0)
})

t.test('a Redis that cannot be reached', async t => {
  const probe = net.createServer()
  probe.listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  await new Promise((resolve) => probe.close(resolve))
  const dir = t.testdir({ 'sluice.yaml': config({ store: { url: `redis://user:s3cr3t@127.0.0.1:${port}` } }) })
  const { code, err, out } = await run(dir, ['start'])
  t.equal(code, 1)
  t.equal(said(err).length, 1, err)
  t.match(said(err)[0], String(port), 'it says what was tried')
  t.notMatch(err, 's3cr3t')
  t.equal(out, '')
})

t.test('an environment that would weaken TLS', async t => {
  const dir = t.testdir({ 'sluice.yaml': config() })
  const { code, err } = await run(dir, ['start'], { NODE_TLS_REJECT_UNAUTHORIZED: '0' })
  t.equal(code, 1)
  t.match(err, /^sluice: NODE_TLS_REJECT_UNAUTHORIZED=0 .*Unset it/m)
  t.strictSame(await readdir(dir), ['sluice.yaml'])
})

t.test('wrong usage is 2, help is 0', async t => {
  const dir = t.testdir({})
  for (const args of [['strt'], ['policy', 'put']]) {
    const { code, err } = await run(dir, args)
    t.equal(code, 2, args.join(' '))
    t.equal(said(err).length, 1, err)
  }
  await Promise.all([['start'], ['check'], ['ca'], ['policy'], ['tenants'], ['token'], []].map(async (args) => {
    const { code, out, err } = await run(dir, [...args, '--help'])
    t.equal(code, 0, `${args.join(' ')} --help`)
    t.match(out, /^Usage: sluice/)
    t.equal(err, '')
  }))
  t.strictSame(await readdir(dir), [])
})
