import t from 'tap'
import { prefersYaml } from '../../../policy/admin/accept.ts'
import { parsePolicyYaml } from '../../../policy/policy.ts'
import type { Policy } from '../../../policy/policy.ts'
import { policyOf } from '../store/contract.ts'
import { startAdmin } from './harness.ts'

const url = '/v1/policy'
const yaml = 'default: allow\nunknownTenant: log\nrules:\n  - { id: one, when: { activity: upload }, action: block, message: From YAML. }\n'

t.test('the policy is answered with its revision, as JSON or YAML', async (t) => {
  const { send } = await startAdmin(t)
  const json = await send('viewer', { url })
  t.equal(json.statusCode, 200)
  t.match(json.headers, { 'content-type': 'application/json; charset=utf-8', 'etag': '"1"', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
  t.strictSame(json.json(), policyOf('first'))
  const text = await send('viewer', { url, headers: { accept: 'application/yaml' } })
  t.match(text.headers, { 'content-type': 'application/yaml; charset=utf-8', 'etag': '"1"' })
  t.strictSame(parsePolicyYaml(text.body, 'answer'), policyOf('first'))
})

t.test('YAML is answered only to who would rather have it', async (t) => {
  for (const accept of ['application/yaml', 'text/yaml, */*;q=0.1', 'application/json;q=0.5, application/x-yaml', 'TEXT/YAML']) t.equal(prefersYaml(accept), true, accept)
  for (const accept of [undefined, '', '*/*', 'application/json', 'application/json, text/yaml;q=0.9', 'text/yaml;q=0', 'text/html']) {
    t.equal(prefersYaml(accept), false, String(accept))
  }
})

t.test('a policy is replaced under the revision that was seen, and decides at once', async (t) => {
  const { send, snapshot, store, lines } = await startAdmin(t)
  const put = await send('editor', { method: 'PUT', url, headers: { 'if-match': '"1"' }, payload: policyOf('second') })
  t.equal(put.statusCode, 200)
  t.equal(put.headers.etag, '"2"')
  t.strictSame(put.json(), policyOf('second'))
  t.match(snapshot.current(), { revision: 2, source: policyOf('second') })
  t.match((await store.load()).policy, { author: 'the editor' })
  t.match(lines, [/^info Policy revision 2 was stored by "token:[0-9a-f]+ the editor"/])
  for (const type of ['application/yaml', 'text/yaml; charset=utf-8']) {
    const revision = snapshot.current().revision
    const answer = await send('admin', { method: 'PUT', url, headers: { 'if-match': `"${revision}"`, 'content-type': type }, payload: yaml })
    t.equal(answer.statusCode, 200, answer.body)
    t.equal(answer.headers.etag, `"${revision + 1}"`)
    t.match(snapshot.current().source.rules, [{ id: 'one', message: 'From YAML.' }])
  }
})

t.test('YAML comes back as it was written, and comments outlive changes that come as JSON', async (t) => {
  const { send, store } = await startAdmin(t)
  const written = `# why we have a policy\n${yaml.replace('rules:', 'rules: # in order')}`
  const put = async (type: string, payload: string | object, revision: number) => {
    const headers = { 'if-match': `"${revision}"`, 'content-type': type, 'accept': 'application/yaml' }
    const answer = await send('editor', { method: 'PUT', url, headers, payload })
    t.equal(answer.statusCode, 200, answer.body)
    const read = await send('viewer', { url, headers: { accept: 'application/yaml' } })
    t.equal(read.body, answer.body)
    return read.body
  }
  t.equal(await put('application/yaml', written, 1), written)
  t.equal((await store.revision(2))?.source, written)
  t.equal(await put('application/yaml', `# revision 2, 2026-11-30T12:00:00.000Z, by cli:alice\n${written}`, 2), written, 'what was printed is no part of it')
  const policy = (await send('viewer', { url })).json<Policy>()
  t.equal(await put('application/json', { ...policy, default: 'block' }, 3), written.replace('default: allow', 'default: block'))
  t.equal(await put('application/json', policy, 4), written)
  const patched = await send('editor', { method: 'PATCH', url: '/v1/rules/one', headers: { 'if-match': '*', 'content-type': 'application/merge-patch+json' }, payload: '{"message":"Patched."}' })
  t.equal(patched.statusCode, 200, patched.body)
  const read = await send('viewer', { url, headers: { accept: 'application/yaml' } })
  t.equal(read.body, written.replace('From YAML.', 'Patched.'), 'a change of one rule')
})

t.test('without If-Match 428, stale 412, otherwise formed 400; nothing is stored', async (t) => {
  const { send, store } = await startAdmin(t)
  const cases: [Record<string, string>, number, string][] = [
    [{}, 428, 'policy.precondition-required'],
    [{ 'if-match': '"0"' }, 412, 'policy.stale'],
    [{ 'if-match': '"2"' }, 412, 'policy.stale'],
    [{ 'if-match': '1' }, 400, 'admin.invalid'],
    [{ 'if-match': 'W/"1"' }, 400, 'admin.invalid'],
    [{ 'if-match': '*' }, 400, 'admin.invalid'],
    [{ 'if-match': '"1", "2"' }, 400, 'admin.invalid'],
  ]
  for (const [headers, status, code] of cases) {
    const answer = await send('editor', { method: 'PUT', url, headers, payload: policyOf('late') })
    t.equal(answer.statusCode, status, JSON.stringify(headers))
    t.equal(answer.headers['content-type'], 'application/problem+json')
    t.match(answer.json(), { status, code, type: `urn:sluice:error:${code}`, title: /./, detail: /./ })
  }
  t.equal((await store.load()).policy?.revision, 1)
})

t.test('a faulty policy names each place; nothing is stored', async (t) => {
  const { send, store } = await startAdmin(t)
  const bad = { ...policyOf('x'), defualt: 'allow', rules: [{ id: 'one', action: 'blok' }] }
  const answer = await send('editor', { method: 'PUT', url, headers: { 'if-match': '"1"' }, payload: bad })
  t.equal(answer.statusCode, 422)
  t.match(answer.json(), { code: 'policy.invalid' })
  const errors: { path: string; message: string }[] = answer.json().errors
  t.match(errors.find(({ path }) => path === 'defualt'), { message: /did you mean default\?/ })
  t.match(errors.find(({ path }) => path === 'rules/0/action'), { message: /did you mean block\?/ })
  const twins = { ...policyOf('x'), rules: [...policyOf('x').rules, ...policyOf('y').rules] }
  const double = await send('editor', { method: 'PUT', url, headers: { 'if-match': '"1"' }, payload: twins })
  t.match(double.json(), { status: 422, code: 'policy.duplicate-rule', errors: [{ path: 'rules/1/id' }] })
  t.equal((await store.load()).policy?.revision, 1)
})

t.test('validate answers what is wrong and stores nothing', async (t) => {
  const { send, store } = await startAdmin(t)
  const check = (payload: object | string, type = 'application/json') =>
    send('viewer', { method: 'POST', url: '/v1/policy/validate', headers: { 'content-type': type }, payload })
  t.strictSame((await check(policyOf('x'))).json(), { valid: true, rules: 1, errors: [], warnings: [] })
  t.match((await check(yaml, 'application/yaml')).json(), { valid: true })
  const twice = { ...policyOf('x'), rules: ['a', 'b'].map(id => ({ id, when: { activity: 'upload' }, action: 'block' })) }
  t.match((await check(twice)).json(), { valid: true, errors: [], warnings: [{ path: 'rules/1', kind: 'shadowed', ruleId: 'b', otherRuleId: 'a' }] })
  const bad = await check({ ...policyOf('x'), default: 'maybe' })
  t.equal(bad.statusCode, 200)
  t.match(bad.json(), { valid: false, detail: /default/, errors: [{ path: 'default' }] })
  t.match((await check('rules: [', 'application/yaml')).json(), { valid: false })
  t.equal((await store.load()).policy?.revision, 1)
})

t.test('bodies that cannot be read are refused in the same form', async (t) => {
  const { send } = await startAdmin(t)
  const put = (payload: string, type: string) =>
    send('editor', { method: 'PUT', url, headers: { 'if-match': '"1"', 'content-type': type }, payload })
  const cases: [string, string, number, string][] = [
    ['{"default":', 'application/json', 400, 'admin.invalid'],
    ['', 'application/json', 400, 'admin.invalid'],
    ['{"__proto__": {"default": "allow"}}', 'application/json', 400, 'admin.invalid'],
    ['x=1', 'application/x-www-form-urlencoded', 415, 'admin.invalid'],
    ['text', 'text/plain', 415, 'admin.invalid'],
    [`{"x":"${'x'.repeat(1024 * 1024)}"}`, 'application/json', 413, 'admin.too-large'],
    [`# ${'x'.repeat(1024 * 1024)}`, 'application/yaml', 413, 'admin.too-large'],
    ['{"yaml":"default: allow"}', 'application/json', 422, 'policy.invalid'],
  ]
  for (const [payload, type, status, code] of cases) {
    const answer = await put(payload, type)
    t.equal(answer.statusCode, status, `${type} ${payload.slice(0, 30)}`)
    t.equal(answer.headers['content-type'], 'application/problem+json')
    t.match(answer.json(), { code, status })
  }
})

t.test('a stored policy that cannot be used is repaired with the revision that GET answers', async (t) => {
  const { send, store, snapshot } = await startAdmin(t)
  await store.putPolicy(JSON.parse('{"default":"maybe","rules":[]}'), { expected: 1, author: 'another tool', from: 'test' })
  const got = await send('viewer', { url })
  t.equal(got.headers.etag, '"2"')
  t.strictSame(got.json(), policyOf('first'), 'the one that decides')
  const put = await send('editor', { method: 'PUT', url, headers: { 'if-match': '"2"' }, payload: policyOf('repaired') })
  t.equal(put.headers.etag, '"3"')
  t.match(snapshot.state(), { stale: false, storedRevision: 3 })
})

t.test('what was stored without the API is answered at once', async (t) => {
  const { send, store } = await startAdmin(t)
  await store.putPolicy(policyOf('behind the back'), { expected: 1, author: 'other', from: 'test' })
  const got = await send('viewer', { url })
  t.equal(got.headers.etag, '"2"')
  t.strictSame(got.json(), policyOf('behind the back'))
})
