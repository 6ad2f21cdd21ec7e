/** Whose accounts, folders and files Box' own answers say are whose. */
import t from 'tap'
import { catalogue } from '../../../policy/providers/index.ts'
import type { Case } from './cases.ts'
import { identifies, identify, NO_ANSWERS } from './identity-cases.ts'

const ME: Case = { request: 'GET api.box.com/2.0/users/me?fields=enterprise' }
const FOLDER: Case = { request: 'GET api.box.com/2.0/folders/123?fields=id,is_externally_owned' }
const CREATE: Case = { request: 'POST api.box.com/2.0/folders', body: '{"name":"d","parent":{"id":"0"}}' }
const UPLOAD: Case = { request: 'POST upload.box.com/api/2.0/files/content', length: 400 }

t.test('the account names its enterprise, or that it has none', async t => {
  const user = { type: 'user', id: '1', name: 'Fay', login: 'fay@contoso.example' }
  t.strictSame(identify(ME, { body: { ...user, enterprise: { type: 'enterprise', id: '4711', name: 'Contoso' } } }), [{ tenants: ['4711'], mayAllow: true }])
  t.strictSame(identify(ME, { body: { ...user, enterprise: null } }), [{ tenants: ['personal'], mayAllow: true }])
  t.strictSame(identify({ request: 'GET api.box.com/2.0/users/me?fields=id%2C%20enterprise' }, { body: { enterprise: null } })[0]?.tenants, ['personal'])
  t.strictSame(identify({ request: 'GET api.box.com/2.0/users/me' }, { body: { ...user, enterprise: null } }), [], 'not asked for')
  for (const enterprise of [undefined, {}, 7, 'x', { type: 'enterprise' }, { type: 'enterprise', id: 7 }, { type: 'enterprise', id: 'x' }, { type: 'folder', id: '1' }, []]) {
    t.strictSame(identify(ME, { body: { ...user, enterprise } }), [], JSON.stringify(enterprise))
  }
})

t.test('a folder is of the enterprise only where Box says that no outsider owns it', async t => {
  const folder = { type: 'folder', id: '123', name: 'd', parent: { type: 'folder', id: '0' }, owned_by: { id: '1', login: 'fay@contoso.example' } }
  t.strictSame(identify(FOLDER, { body: { ...folder, is_externally_owned: false } }), [{ places: ['folder:123'], mayAllow: true }])
  const file: Case = { request: 'GET api.box.com/2.0/files/9?fields=is_externally_owned' }
  t.strictSame(identify(file, { body: { type: 'file', id: '9', is_externally_owned: false } }), [{ places: ['file:9'], mayAllow: true }])
  for (const is_externally_owned of [true, null, undefined, 'false', 0]) t.strictSame(identify(FOLDER, { body: { ...folder, is_externally_owned } }), [])
  for (const id of ['0', 'x', 7, undefined]) t.strictSame(identify(FOLDER, { body: { ...folder, id, is_externally_owned: false } }), [])
  t.strictSame(identify(FOLDER, { body: { ...folder, type: 'web_link', is_externally_owned: false } }), [])
})

t.test('what is created belongs to where it was put', async t => {
  const folder = { type: 'folder', id: '124', parent: { type: 'folder', id: '0' } }
  t.strictSame(identify(CREATE, { body: folder, status: 201, written: { is: 'own' } }), [{ places: ['folder:124'], mayAllow: true }])
  t.strictSame(identify(CREATE, { body: folder, status: 201, written: { is: 'named', ids: ['folder:9'] } }), [{ within: 'folder:9', places: ['folder:124'], mayAllow: true }])
  t.strictSame(identify(UPLOAD, { body: { total_count: 1, entries: [{ type: 'file', id: '8' }] }, status: 201, written: { is: 'own' } }), [{ places: ['file:8'], mayAllow: true }])
  for (const written of [{ is: 'unseen' }, { is: 'named', ids: ['folder:1', 'folder:2'] }, { is: 'named', ids: [] }] as const) {
    t.strictSame(identify(CREATE, { body: folder, written }), [])
  }
  // Without the word of the request, a parent proves nothing: what others share stands in the own root as well.
  t.strictSame(identify(CREATE, { body: folder }), [])
})

t.test('only these are looked at', async t => {
  const others: readonly string[] = [
    'GET api.box.com/2.0/users/1?fields=enterprise', 'GET api.box.com/2.0/users/me?fields=enterprise&access_token=FAKE', 'GET app.box.com/2.0/users/me', 'GET upload.box.com/2.0/users/me',
    'POST api.box.com/2.0/users/me', 'GET api.box.com/2.0/files/9/content', 'GET api.box.com/2.0/folders/1/items', 'GET api.box.com/2.0/folders/0', 'GET api.box.com/2.0/files/9/metadata/global/properties',
    'GET api.box.com/2.0/users/me;x=1', 'GET api.box.com//2.0/users/me', 'POST upload.box.com/api/2.0/files/9/content', 'POST api.box.com/2.0/folders/9', 'GET dl.boxcloud.com/2.0/users/me',
  ]
  for (const request of others) t.equal(identifies({ request }), false, request)
  for (const name of ['as-user', 'boxapi']) t.equal(identifies({ ...ME, headers: { [name]: 'x' } }), false, name)
  t.equal(identifies({ ...ME, headers: { 'x-http-method-override': 'PUT' } }), false)
})

t.test('an answer of another form, type or status teaches nothing', async t => {
  for (const one of [ME, FOLDER, CREATE, UPLOAD]) {
    for (const body of NO_ANSWERS) t.strictSame(identify(one, { body, written: { is: 'own' } }), [], one.request)
    const all = { type: 'folder', id: '1', enterprise: null, is_externally_owned: false, entries: [{ type: 'file', id: '1' }] }
    for (const status of [202, 204, 206, 302, 403]) t.strictSame(identify(one, { body: all, status, written: { is: 'own' } }), [], String(status))
    t.strictSame(identify(one, { body: all, type: 'application/octet-stream', written: { is: 'own' } }), [])
  }
  t.strictSame(identify(ME, { body: '{"enterprise":null,"enterprise":{"type":"enterprise","id":"4711"}}' }), [])
})

t.test('the question is one that its answer is read for', async t => {
  const question = catalogue.find('api.box.com', '/')?.module.question
  t.equal(identifies({ request: `${question?.method ?? ''} ${question?.host ?? ''}${question?.path ?? ''}` }), true)
})
