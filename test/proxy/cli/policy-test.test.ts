/** `sluice policy test`: example requests through the proxy's own stages, without store and network. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { main } from '../../../proxy/cli.ts'

async function run(...args: string[]) {
  let out = ''
  let err = ''
  const code = await main(args, { env: {}, out: text => { out += text }, err: text => { err += text } })
  return { code, out, err }
}

const builtin = (name: string) => new URL(`../../../policy/builtin/${name}.yaml`, import.meta.url).pathname

const POLICY = `default: log
unknownTenant: block
rules:
  - { id: at-night, when: { activity: upload, time: { from: "22:00", to: "06:00" } }, action: block }
  - { id: ada, when: { activity: upload, user: ada, source: 10.0.0.0/8 }, action: allow }
  - { id: interns, when: { activity: upload, group: Interns }, action: block }
  - { id: big, when: { activity: upload, size: { atLeast: 1MB } }, action: block }
`
const UPLOAD = 'method: PUT, url: "https://contoso-my.sharepoint.com/personal/x/Documents/a.zip", headers: { User-Agent: curl/8 }'
const BIG = `${UPLOAD}, size: 2000000`
const one = (name: string, request: string, expect: string, more = '') =>
  `  - name: ${name}\n${more}    request: { ${request} }\n    expect: { ${expect} }\n`

t.test('the examples that ship hold for both policies that ship', async t => {
  for (const name of ['default', 'strict']) {
    const { code, out, err } = await run('policy', 'test', builtin(name), builtin('examples'))
    t.equal(err, '')
    t.match(out, /^(?:ok {4}.*\n){7}7 passed, 0 failed\n$/, name)
    t.equal(code, 0)
  }
})

t.test('what counts for a request counts for a case', async t => {
  const dir = t.testdir({
    'policy.yaml': POLICY,
    'cases.yaml': `tenants: [{ account: microsoft, id: Contoso }]\ncases:\n${[
      one('small', `${UPLOAD}, size: 10`, 'action: log, ruleId: null, tenant: Contoso, activity: upload'),
      one('small at night', `${UPLOAD}, size: 10`, 'action: block, ruleId: at-night', '    at: 2026-11-24T23:00:00Z\n'),
      one('big', `${UPLOAD}, size: 1000000`, 'action: block, ruleId: big, reasons: [rule]'),
      one('big of ada', `${UPLOAD}, size: 1000000, client: { ip: 10.1.2.3, user: ada }`, 'action: allow, ruleId: ada'),
      one('big of ada elsewhere', `${UPLOAD}, size: 1000000, client: { ip: 192.0.2.1, user: ada }`, 'action: block, ruleId: big'),
      one('small of an intern', `${UPLOAD}, size: 10, client: { user: bob, groups: [staff, interns] }`, 'action: block, ruleId: interns'),
    ].join('')}`,
    'none.yaml': `cases:\n${one('no allowlist', `${UPLOAD}, size: 10`, 'action: block, reasons: [no-allowlist], tenant: unknown')}`,
  })
  const { code, out, err } = await run('policy', 'test', join(dir, 'policy.yaml'), join(dir, 'cases.yaml'), join(dir, 'none.yaml'),
    '--store', `embedded:${join(dir, 'data')}`)
  t.equal(err, '')
  t.match(out, /7 passed, 0 failed\n$/, 'each file with an allowlist of its own')
  t.equal(code, 0)
  t.strictSame((await readdir(dir)).sort(), ['cases.yaml', 'none.yaml', 'policy.yaml'], 'no store is made')
})

t.test('a failure says where it stands, what was expected and what was found', async t => {
  const dir = t.testdir({
    'policy.yaml': POLICY,
    'cases.yaml': `cases:\n${one('right', BIG, 'action: block')}${
      one('wrong', BIG, 'action: log, ruleId: null, reasons: [rule, default], activity: download, tenant: sanctioned')}`,
  })
  const { code, out, err } = await run('policy', 'test', join(dir, 'policy.yaml'), join(dir, 'cases.yaml'))
  t.equal(code, 1)
  t.equal(out, `ok    right
FAIL  wrong (${join(dir, 'cases.yaml')}:5)
        action: expected log, found block
        ruleId: expected null, found big
        activity: expected download, found upload
        reasons: expected default, found tenant-from-place, no-allowlist, rule
        tenant: expected sanctioned, found unknown (contoso)
1 passed, 1 failed
`)
  t.match(err, /^sluice: 1 of 2 cases did not come out as expected\. .*\[cases\.failed\]\n$/)
})

t.test('the stored policy', async t => {
  const dir = t.testdir({ 'cases.yaml': `cases:\n${one('big', BIG, 'action: block, ruleId: big')}`, 'policy.yaml': POLICY })
  const store = ['--store', `embedded:${join(dir, 'data')}`]
  const test = () => run('policy', 'test', '--stored', join(dir, 'cases.yaml'), ...store)
  t.match(await test(), { code: 1, err: /No policy is stored yet/ })
  t.match(await run('policy', 'put', join(dir, 'policy.yaml'), ...store), { code: 0 })
  t.match(await test(), { code: 0, out: /1 passed, 0 failed/ })
})

t.test('a faulty file is refused before the first case, with the line and the nearest name', async t => {
  const good = one('good', `${UPLOAD}, size: 1`, 'action: block')
  for (const [name, content, told] of [
    ['a key of the file', `tenant: []\ncases:\n${good}`, /tenant is not a known key; did you mean tenants\? \(at 1:1\)/],
    ['a key of a case', `cases:\n${good.replace('name:', 'nam:')}`, /cases\/0\/nam is not a known key; did you mean name\? \(at 2:5\)/],
    ['a key of a request', `cases:\n${one('x', `${UPLOAD}, sise: 1`, 'action: log')}`,
      /request\/sise is not a known key; did you mean size\? \(at 3:\d+\)/],
    ['a key of what is expected', `cases:\n${one('x', UPLOAD, 'action: log, rule: a')}`,
      /expect\/rule is not a known key; did you mean ruleId\? \(at 4:/],
    ['an action', `cases:\n${one('x', UPLOAD, 'action: blok')}`, /did you mean block\? \(at 4:/],
    ['a reason', `cases:\n${one('x', UPLOAD, 'action: log, reasons: [defalt]')}`,
      /expect\/reasons\/0 defalt .*did you mean default\? \(at 4:/],
    ['an address', `cases:\n${one('x', `${UPLOAD}, client: { ip: 10.0.0 }`, 'action: log')}`, /client\/ip must be an IP address \(at 3:/],
    ['a time', `cases:\n${one('x', UPLOAD, 'action: log', '    at: 2026-13-24T23:00:00Z\n')}`, /cases\/0\/at must be a time .* \(at 3:/],
    ['a tenant', `tenants: [{ account: aws, id: "*.x" }]\ncases:\n${good}`, /tenants\/0\/id .* \(at 1:/],
    ['nothing', '', /the document must be an object of cases/],
    ['no YAML', 'cases: [', /is not clean YAML/],
  ] as const) {
    const dir = t.testdir({ 'policy.yaml': POLICY, 'cases.yaml': content })
    const { code, out, err } = await run('policy', 'test', join(dir, 'policy.yaml'), join(dir, 'cases.yaml'))
    t.equal(code, 1, name)
    t.equal(out, '', name)
    t.match(err, told, name)
    t.match(err, /cases\.yaml: .*\[cases\.invalid\]/, name)
  }
})

t.test('a request that a proxy would not take is a fault of its case', async t => {
  const twice = 'method: PUT, url: "https://x.example/", headers: [[Content-Length, "1"], [Content-Length, "2"]]'
  for (const request of ['method: GET, url: "/path", headers: {}', twice]) {
    const dir = t.testdir({ 'policy.yaml': POLICY, 'cases.yaml': `cases:\n${one('x', request, 'action: allow')}` })
    const ended = await run('policy', 'test', join(dir, 'policy.yaml'), join(dir, 'cases.yaml'))
    t.match(ended, { code: 1, err: /cases\/0\/request .*\(at 3:5\).*\[cases\.invalid\]/ })
  }
})

t.test('wrong usage is told as such', async t => {
  for (const args of [[], [builtin('default')], ['--stored'], ['--stord', builtin('examples')]]) {
    t.match(await run('policy', 'test', ...args), { code: 2, out: '', err: /sluice policy test --help.*\[usage\]/ })
  }
})
