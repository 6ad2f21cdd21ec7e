import { execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { openStore } from '../../policy/store/open.ts'
import { main } from '../../proxy/cli.ts'
import { fingerprint } from '../../certs/trust.ts'
import { checkRuntime } from '../../proxy/runtime.ts'
import { makeHierarchy } from '../certs/fixture.ts'

/** Runs one command in this process, on a store and CA of the test's own. */
async function run(dir: string, ...args: string[]) {
  let out = ''
  let err = ''
  const code = await main([...args, '--store', `embedded:${join(dir, 'data')}`, '--ca-dir', join(dir, 'ca')], {
    env: { USER: 'ada' }, out: text => { out += text }, err: text => { err += text },
  })
  return { code, out, err }
}

const VALID = 'default: allow\nunknownTenant: log\nrules:\n  - id: one\n    when: { activity: upload }\n    action: block\n'

t.test('the runtime is refused where it could not keep a promise', async t => {
  t.equal(checkRuntime('24.18.1', {}, []), null)
  t.equal(checkRuntime('25.0.0', {}, []), null)
  t.match(checkRuntime('24.18.0', {}, []), /too old.*npm ci/)
  t.match(checkRuntime('20.20.2', {}, []), /24\.18\.1/)
  t.match(checkRuntime('24.21.0', { NODE_TLS_REJECT_UNAUTHORIZED: '0' }, []), /NODE_TLS_REJECT_UNAUTHORIZED/)
  t.equal(checkRuntime('24.21.0', { NODE_TLS_REJECT_UNAUTHORIZED: '1' }, []), null)
  t.match(checkRuntime('24.21.0', {}, ['--insecure-http-parser']), /insecure-http-parser/)
  t.match(checkRuntime('24.21.0', { NODE_OPTIONS: '--no-warnings --insecure-http-parser' }, []), /insecure-http-parser/)
})

t.test('as a program, it refuses an unsafe environment before anything else', async t => {
  const child = spawn(process.execPath, ['proxy/cli.ts', '--version'], {
    env: { ...process.env, NODE_TLS_REJECT_UNAUTHORIZED: '0' }, stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = new Promise(resolve => child.on('close', resolve))
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)])
  t.equal(await ended, 1)
  t.equal(out, '')
  t.match(err, /^sluice: NODE_TLS_REJECT_UNAUTHORIZED=0 /m)
})

t.test('as a program, it ends quietly when nobody reads on', async t => {
  const { code, err } = await new Promise<{ code: unknown; err: string }>(resolve => {
    const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH ?? ''}` }
    execFile('sh', ['-c', 'node proxy/cli.ts providers --json | head -n 1'], { env },
      (error, _out, said) => resolve({ code: error, err: said }))
  })
  t.equal(code, null)
  t.equal(err, '')
})

t.test('every verb helps', async t => {
  for (const verb of [[], ['start'], ['check'], ['ca'], ['ca', 'import'], ['policy'], ['policy', 'put'], ['policy', 'test'], ['policy', 'simulate'],
    ['tenants'], ['token'], ['token', 'create'], ['exception', 'grant'], ['break-glass', 'on'], ['audit', 'list'], ['audit', 'verify'], ['backup'],
    ['restore'], ['user', 'hash'], ['events', 'erase'], ['providers']]) {
    const { code, out } = await run(t.testdir(), ...verb, '--help')
    t.equal(code, 0)
    t.ok(out.startsWith(['Usage: sluice', ...verb].join(' ')), verb.join(' '))
    t.match(out, '--config <file>')
    t.match(out, /Exit codes: 0 .*; 1 (.|\n)*2 wrong usage/)
    t.notMatch(out, /default:\s+(null|false)/, 'a default is one that can be written')
  }
  t.match(await run(t.testdir(), '--version'), { code: 0, out: /^\d+\.\d+\.\d+\n$/ })
})

t.test('wrong usage answers 2, an error 1, each in one line', async t => {
  const dir = t.testdir({ 'double.yaml': VALID + '  - id: one\n    action: log\n', 'size.yaml': VALID.replace('{ activity: upload }', '{ size: { atLeast: 3XB } }') })
  const cases: [number, RegExp, string[]][] = [
    [2, /unknown command 'strt'/, ['strt']],
    [2, /unknown option '--nope'/, ['check', '--nope']],
    [2, /missing required argument 'file'/, ['policy', 'put']],
    [2, /--role/, ['token', 'create']],
    [2, /either --cert/, ['ca', 'import', '--cert', 'x']],
    [1, /none\.yaml .*cannot be read/, ['check', '--config', join(dir, 'none.yaml')]],
    [1, /proxy\.listen \(--listen\) .*host:port/, ['check', '--listen', '3128']],
    [1, /double\.yaml/, ['policy', 'validate', join(dir, 'double.yaml')]],
    [1, /size\.yaml/, ['policy', 'put', join(dir, 'size.yaml')]],
    [1, /No policy is stored/, ['policy', 'get']],
    [2, /"dropbx" is not an account system\. Did you mean dropbox\?/, ['tenants', 'add', 'dropbx', 'x']],
    [2, /not an account system/, ['tenants', 'remove', 'zzzzzz', 'x']],
    [1, /id must be/, ['tenants', 'add', 'dropbox', 'not fine']],
    [1, /has no tenant "x"/, ['tenants', 'remove', 'dropbox', 'x']],
    [1, /no token "x"\. See sluice token list\. \[token\.not-found\]/, ['token', 'revoke', 'x']],
    [2, /--expires must be later than now.*\[usage\]/, ['token', 'create', '--role', 'viewer', '--expires', '2020-01-01']],
    [2, /--label must be one line/, ['token', 'create', '--role', 'viewer', '--label', 'a\nb']],
    [2, /Allowed choices.* See sluice token create --help\. \[usage\]/, ['token', 'create', '--role', 'x']],
    [2, /too many arguments.* See sluice tenants list --help\./, ['tenants', 'list', 'x']],
    [2, /argument missing\. /, ['tenants', 'add', 'box', 'x', '--alias']],
    [2, /Add --out FILE/, ['ca', 'export', '--der']],
  ]
  for (const [expected, message, args] of cases) {
    const { code, out, err } = await run(dir, ...args)
    t.equal(code, expected, args.join(' '))
    t.match(err, message)
    t.match(err, /^sluice: [^\n]*[.?] [^\n]*[.?] \[[a-z-]+(\.[a-z-]+)?\]\n$/, 'what, remedy and code, on one line')
    t.equal(out, '')
  }
})

t.test('several faults are a line each', async t => {
  const { code, err } = await run(t.testdir(), 'check', '--listen', 'x', '--pac', 'y')
  t.equal(code, 1)
  t.match(err.trimEnd().split('\n'), [/2 faults/, /^ {2}proxy\.listen /, /^ {2}pac /])
})

t.test('a policy is put, got and replaced', async t => {
  const dir = t.testdir({ 'policy.yaml': VALID })
  const file = join(dir, 'policy.yaml')
  t.match(await run(dir, 'policy', 'validate', file), { code: 0, out: /is valid: 1 rule\n/ })
  const twice = 'default: allow\nunknownTenant: log\nrules: [{ id: a, action: block }, { id: b, action: log }]\n'
  await writeFile(join(dir, 'twice.yaml'), twice)
  t.match(await run(dir, 'policy', 'validate', join(dir, 'twice.yaml')), { code: 0, out: /is valid: 2 rules\nwarning: b is never reached: .* by a \(block\)\. Move b before a/ })
  t.match(await run(dir, 'policy', 'put', file, '--comment', 'first'), { code: 0, out: 'revision 1\n' })
  const got = await run(dir, 'policy', 'get')
  t.match(got.out, /^# revision 1, .*, by cli:ada\n/)
  await writeFile(file, got.out)
  t.match(await run(dir, 'policy', 'put', file), { code: 0, out: 'revision 2\n' }, 'what get prints can be put')
})

t.test('tenants are added, listed, imported and removed', async t => {
  const dir = t.testdir({
    'good.csv': 'account,id,name,aliases\nmicrosoft,contoso,"Contoso, Ltd",contoso.example;fabrikam\r\n\ngoogle,Example.com\n',
    'bad.csv': 'google,fine.example\nyahoo,x\n',
    'quote.csv': 'google,"open\n',
  })
  t.equal((await run(dir, 'tenants', 'add', 'dropbox', 'Team-1', '--name', 'Ours', '--alias', 'a1', 'a2')).code, 0)
  t.equal((await run(dir, 'tenants', 'import', join(dir, 'good.csv'))).out, '2 tenants imported\n')
  t.match(await run(dir, 'tenants', 'import', join(dir, 'bad.csv')), { code: 1, err: /line 2: "yahoo"/ })
  t.match(await run(dir, 'tenants', 'import', join(dir, 'quote.csv')), { code: 1, err: /line 1/ })
  t.equal((await run(dir, 'tenants', 'remove', 'dropbox', 'TEAM-1')).code, 0)
  t.same((await run(dir, 'tenants', 'list')).out.trimEnd().split('\n').sort(),
    ['google\texample.com\t\t', 'microsoft\tcontoso\tContoso, Ltd\tcontoso.example,fabrikam'])
})

t.test('a long list is imported, and one with a wildcard that is too wide is not', async t => {
  const lines = Array.from({ length: 30_000 }, (_, n) => `google,t${n}.example,"Tenant number ${n}, of many",*.t${n}.example`)
  const dir = t.testdir({ 'long.csv': lines.join('\n'), 'wide.csv': 'google,contoso.com\nmicrosoft,contoso,,*.onmicrosoft.com\n' })
  t.equal((await run(dir, 'tenants', 'import', join(dir, 'long.csv'))).out, '30000 tenants imported\n')
  t.match(await run(dir, 'tenants', 'import', join(dir, 'wide.csv')),
    { code: 1, err: /wide\.csv, line 2: .*aliases\/0 is too wide: the provider of onmicrosoft\.com/ })
  t.match(await run(dir, 'tenants', 'add', 'dropbox', '*.contoso.com'), { code: 1, err: /id cannot have a \* in dropbox/ })
  const listed = (await run(dir, 'tenants', 'list')).out.trimEnd().split('\n')
  t.equal(listed.length, 30_000)
  t.equal(listed[0], 'google\tt0.example\tTenant number 0, of many\t*.t0.example')
})

t.test('adding a tenant that is there changes only what is given, and says what', async t => {
  const dir = t.testdir({ 'again.csv': 'box,ours,,\nbox,ours,,b2\n', 'wrong.csv': 'box,fine\nbox,not fine\n', 'wide.csv': 'box,x,X,a,b\n' })
  const add = async (...args: string[]) => (await run(dir, 'tenants', 'add', 'box', 'Ours', ...args)).out
  const listed = async () => (await run(dir, 'tenants', 'list')).out
  t.equal(await add('--name', 'Ours, Ltd', '--alias', 'A1', 'a2'), 'box ours is sanctioned now: name "Ours, Ltd", aliases a1 a2\n')
  t.equal(await add(), 'box ours is sanctioned already, and nothing has changed: name "Ours, Ltd", aliases a1 a2\n')
  t.equal(await listed(), 'box\tours\tOurs, Ltd\ta1,a2\n')
  t.equal(await add('--name', 'New'),
    'box ours is sanctioned already; it has changed: name "New", aliases a1 a2 (before: name "Ours, Ltd")\n')
  t.equal(await add('--alias', 'a3'), 'box ours is sanctioned already; it has changed: name "New", aliases a3 (before: aliases a1 a2)\n')
  t.equal(await add('--no-alias'), 'box ours is sanctioned already; it has changed: name "New", no aliases (before: aliases a3)\n')
  t.equal(await add('--no-name', '--alias', 'b1'),
    'box ours is sanctioned already; it has changed: no name, aliases b1 (before: name "New", no aliases)\n')
  await add('--name', 'Kept')
  t.equal((await run(dir, 'tenants', 'import', join(dir, 'again.csv'))).out, '2 tenants imported\n')
  t.equal(await listed(), 'box\tours\tKept\tb2\n', 'an empty cell changes nothing either')
  t.match(await run(dir, 'tenants', 'import', join(dir, 'wrong.csv')), { code: 1, err: /wrong\.csv, line 2: .*id must be/ })
  t.match(await run(dir, 'tenants', 'import', join(dir, 'wide.csv')), { code: 1, err: /wide\.csv, line 1: there are more than/ })
  t.equal(await listed(), 'box\tours\tKept\tb2\n', 'nothing of a wrong file is stored')
})

t.test('a token is shown once, and only its hash is stored', async t => {
  const dir = t.testdir()
  const { code, out, err } = await run(dir, 'token', 'create', '--role', 'editor', '--label', 'pipeline')
  t.equal(code, 0)
  const secret = out.trim()
  t.match(secret, /^slc_[\w-]{43}$/)
  t.notMatch(err, secret)
  const store = await openStore(`embedded:${join(dir, 'data')}`)
  t.match(await store.tokens(), [{ role: 'editor', label: 'pipeline', hash: createHash('sha256').update(secret).digest('hex') }])
  await store.close()
  const listed = await run(dir, 'token', 'list')
  t.notMatch(listed.out, secret)
  const id = listed.out.split('\t')[0] ?? ''
  t.equal((await run(dir, 'token', 'revoke', id)).code, 0)
  t.equal((await run(dir, 'token', 'list')).out, '')
  t.match(await run(dir, 'token', 'create', '--role', 'viewer', '--label', 'board', '--expires', '90d'), { code: 0, err: /until 20\d\d-/ })
  t.match((await run(dir, 'token', 'list')).out, /^\w+\tviewer\tboard\t20[\dT:.Z-]+\t20[\dT:.Z-]+\tnever\n$/)
})

t.test('check changes nothing, and knows the state of the CA', async t => {
  const dir = t.testdir()
  const before = await run(dir, 'check')
  t.match(before, { code: 0, out: /listen:\n(.*\n)*.*Left open(.*\n)*.*none yet; the first start makes one/ })
  await t.rejects(stat(join(dir, 'ca')), { code: 'ENOENT' })

  t.match(await run(dir, 'ca', 'show'), { code: 0, out: /fingerprint \(SHA-256\): [0-9A-F:]{95}/ })
  t.notMatch((await run(dir, 'check')).out, /renewal is due/)
  t.match((await runWithDomain(dir, 'check')).out, /renewal is due: it cannot sign for files\.example\. Run `sluice ca renew`/)
})

t.test('ca encrypt: keys in the clear are encrypted under the configured passphrase, and everything goes on', async t => {
  const dir = t.testdir({ phrase: 'a passphrase of some length\n', 'sluice.yaml': '' })
  await writeFile(join(dir, 'sluice.yaml'), `certs: { passphraseFile: ${JSON.stringify(join(dir, 'phrase'))} }`)
  const sealed = (...args: string[]) => run(dir, ...args, '--config', join(dir, 'sluice.yaml'))
  const fingerprintOf = (out: string) => /SHA-256\): (\S+)/.exec(out)?.[1]
  const before = fingerprintOf((await run(dir, 'ca', 'show')).out)
  t.ok(before)
  t.match(await run(dir, 'ca', 'encrypt'), { code: 2, err: /No passphrase is configured.*SLUICE_CERTS_PASSPHRASE/ })
  t.match(await sealed('ca', 'show'), { code: 1, err: /not encrypted.*sluice ca encrypt.*\[ca\.passphrase\]/ })
  t.match(await sealed('ca', 'encrypt'), { code: 0, out: /^encrypted: .*ca\.key\n$/ })
  t.match(await sealed('ca', 'encrypt'), { code: 0, out: /encrypted before/ })
  t.equal(fingerprintOf((await sealed('ca', 'show')).out), before)
  t.match(await run(dir, 'ca', 'show'), { code: 1, err: /is encrypted and no passphrase.*\[ca\.passphrase\]/ })
  t.match(await sealed('ca', 'renew'), { code: 0 })
  t.match(await sealed('ca', 'renew', '--switch'), { code: 0 })
  t.match(await readFile(join(dir, 'ca/ca.key'), 'utf8'), /^-----BEGIN ENCRYPTED/)
})

t.test('a renewal takes two steps: clients trust the successor before it signs', async t => {
  const dir = t.testdir()
  t.match(await run(dir, 'ca', 'renew'), { code: 1, err: /no certificate authority .*\[ca\.missing\]/ })
  const old = (await run(dir, 'ca', 'export')).out
  t.match(await run(dir, 'ca', 'export', '--next'), { code: 1, err: /No successor .* Run sluice ca renew first\. \[ca\.no-successor\]/ })
  t.match(await run(dir, 'ca', 'renew', '--switch'), { code: 1, err: /\[ca\.no-successor\]/ })

  const prepared = await runWithDomain(dir, 'ca', 'renew')
  t.match(prepared, { code: 0, out: /^A successor is prepared: SHA-256 [0-9A-F:]{95}, .*\n.*ca export --next.*ca renew --switch/ })
  t.match(await runWithDomain(dir, 'ca', 'renew'), { code: 0, out: /^A successor was prepared before/ })
  t.equal((await run(dir, 'ca', 'export')).out, old, 'the old one goes on')
  t.match((await runWithDomain(dir, 'check')).out, /renewal is due(.|\n)*successor, not used yet: SHA-256 /)
  const next = (await run(dir, 'ca', 'export', '--next')).out
  t.not(next, old)
  t.match(prepared.out, fingerprint(next))

  t.match(await runWithDomain(dir, 'ca', 'renew', '--switch'), { code: 0, out: /SIGHUP/ })
  t.equal((await run(dir, 'ca', 'export')).out, next)
  const status = (await runWithDomain(dir, 'ca', 'status')).out
  t.notMatch(status, /renewal is due|successor, not/)
  t.ok(status.includes(`earlier one, not used any more: SHA-256 ${fingerprint(old)}, valid to 2`), status)
})

t.test('an imported authority is imported anew, not renewed', async t => {
  const dir = t.testdir()
  makeHierarchy(dir, 'ec', 'nameConstraints=critical,permitted;DNS:dropbox.com')
  await run(dir, 'ca', 'import', '--cert', join(dir, 'issuing.crt'), '--key', join(dir, 'issuing.key'))
  const { out } = await run(dir, 'ca', 'show')
  t.match(out, /renewal is due: it cannot sign for .*ca import --replace/)
  t.notMatch(out, /ca renew/)
  t.match(await run(dir, 'ca', 'renew'), { code: 1, err: /was not made by Sluice\. .*ca import --replace.*\[ca\.imported\]/ })
})

async function runWithDomain(dir: string, ...args: string[]) {
  const file = join(dir, 'sluice.yaml')
  await writeFile(file, 'certs: { domains: [files.example] }\n')
  return run(dir, ...args, '--config', file)
}

t.test('the certificate is exported, the key never', async t => {
  const dir = t.testdir()
  const pem = (await run(dir, 'ca', 'export')).out
  t.match(pem, /^-----BEGIN CERTIFICATE-----/)
  t.notMatch(pem, /PRIVATE/)
  t.equal((await run(dir, 'ca', 'export', '--der', '--out', join(dir, 'ca.der'))).code, 0)
  for (const file of [join(dir, 'none/ca.pem'), dir, '']) {
    t.match(await run(dir, 'ca', 'export', '--out', file),
      { code: 1, err: /\(--out\) cannot be written \(E[A-Z]+\)\. Give .*\[ca\.unwritable\]\n$/ })
  }
  t.equal((await readFile(join(dir, 'ca.der'))).toString('base64'), pem.replaceAll(/-----[A-Z ]+-----|\s/g, ''))
})

t.test('an own CA is imported, but never over another by accident', async t => {
  const dir = t.testdir()
  await run(join(dir, 'other'), 'ca', 'show')
  const args = ['ca', 'import', '--cert', join(dir, 'other/ca/ca.crt'), '--key', join(dir, 'other/ca/ca.key')]
  const imported = await run(dir, ...args)
  t.equal(imported.code, 0, imported.err)
  t.equal((await run(dir, 'ca', 'export')).out, (await run(join(dir, 'other'), 'ca', 'export')).out)
  t.match(await run(dir, ...args), { code: 1, err: /already holds/ })
  t.equal((await run(dir, ...args, '--replace')).code, 0)
})
