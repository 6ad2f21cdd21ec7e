import t from 'tap'
import { BY } from '../store/contract.ts'
import { startAdmin } from './harness.ts'

t.test('tenants are put, answered, listed by account and deleted', async (t) => {
  const { send, snapshot, lines } = await startAdmin(t)
  const put = await send('editor', { method: 'PUT', url: '/v1/tenants/microsoft/Contoso', payload: { name: 'Contoso Ltd', aliases: ['Contoso.Example'] } })
  t.equal(put.statusCode, 200)
  t.strictSame(put.json(), { account: 'microsoft', id: 'contoso', name: 'Contoso Ltd', aliases: ['contoso.example'] })
  t.ok(snapshot.current().tenants.has('microsoft', 'contoso.example'), 'it decides at once')
  await send('editor', { method: 'PUT', url: '/v1/tenants/google/example.com', payload: {} })
  t.strictSame((await send('viewer', { url: '/v1/tenants/microsoft/CONTOSO' })).json(), put.json())
  const ids = async (query: string): Promise<string[]> =>
    (await send('viewer', { url: `/v1/tenants${query}` })).json().tenants.map(({ id }: { id: string }) => id)
  t.strictSame(await ids(''), ['example.com', 'contoso'])
  t.strictSame(await ids('?account=google'), ['example.com'])
  t.strictSame(await ids('?account=dropbox'), [])
  t.equal((await send('editor', { method: 'DELETE', url: '/v1/tenants/microsoft/Contoso' })).statusCode, 204)
  t.equal(snapshot.current().tenants.has('microsoft', 'contoso'), undefined)
  const again = await send('editor', { method: 'DELETE', url: '/v1/tenants/microsoft/contoso' })
  t.match(again.json(), { status: 404, code: 'tenant.not-found' })
  t.match((await send('viewer', { url: '/v1/tenants/microsoft/contoso' })).json(), { status: 404, code: 'tenant.not-found' })
  t.match(lines, [/Tenant microsoft contoso was stored by "token:[0-9a-f]+ the editor"/, /google example\.com/, /contoso was deleted/])
})

t.test('a list is imported from JSON or CSV, and says nothing about what it leaves out', async (t) => {
  const { send, snapshot, lines } = await startAdmin(t)
  const post = (payload: unknown, type = 'application/json') => send('editor', {
    method: 'POST', url: '/v1/tenants/import', headers: { 'content-type': type }, payload: typeof payload === 'string' ? payload : JSON.stringify(payload),
  })
  t.strictSame((await post([
    { account: 'microsoft', id: 'Contoso', name: 'Contoso', aliases: ['Contoso.Example', '*.contoso.example'] }, { account: 'box', id: '1', name: 'One' },
  ])).json(), { imported: 2 })
  t.ok(snapshot.current().tenants.has('microsoft', 'eu.contoso.example'), 'it decides at once')
  t.strictSame((await post('account,id,name,aliases\nbox,1,,a1;a2\r\nmicrosoft,contoso,"Contoso, Ltd"\n', 'text/csv; charset=utf-8')).json(), { imported: 2 })
  t.strictSame((await send('viewer', { url: '/v1/tenants' })).json().tenants, [
    { account: 'box', id: '1', name: 'One', aliases: ['a1', 'a2'] },
    { account: 'microsoft', id: 'contoso', name: 'Contoso, Ltd', aliases: ['contoso.example', '*.contoso.example'] },
  ])
  t.strictSame((await post([{ account: 'box', id: '1', aliases: [] }])).json(), { imported: 1 })
  t.strictSame((await send('viewer', { url: '/v1/tenants/box/1' })).json(), { account: 'box', id: '1', name: 'One' })
  t.strictSame((await post([])).json(), { imported: 0 })
  t.match(lines, [/^info 2 tenants were imported by "token:[0-9a-f]+ the editor"/, /2 tenants/, /1 tenants/, /0 tenants/])
  t.equal((await send('viewer', { url: '/v1/tenants/box/a1' })).statusCode, 404, 'an alias is no id')
  t.equal((await send('viewer', { url: '/v1/tenants/microsoft/x.contoso.example' })).statusCode, 404, 'nor what a wildcard covers')
})

t.test('the list comes in pages', async (t) => {
  const { send, store } = await startAdmin(t)
  const all = Array.from({ length: 2_500 }, (_, n) => ({ account: n < 2_000 ? 'google' as const : 'box' as const, id: `t${10_000 + n}.example` }))
  await store.putTenants(all, BY)
  const walk = async (query: string, between = async (): Promise<void> => undefined): Promise<[pages: number, ids: string[]]> => {
    const ids: string[] = []
    let pages = 0
    for (let next: string | undefined = ''; next !== undefined; pages++) {
      const cursor: string = next === '' ? '' : `&cursor=${encodeURIComponent(next)}`
      const page: { tenants: { id: string }[]; next?: string } = (await send('viewer', { url: `/v1/tenants?${query}${cursor}` })).json()
      ids.push(...page.tenants.map(({ id }) => id))
      next = page.next
      await between()
    }
    return [pages, ids]
  }
  const google = all.slice(0, 2_000).map(({ id }) => id)
  const box = all.slice(2_000).map(({ id }) => id)
  t.strictSame(await walk(''), [3, [...box, ...google]])
  t.strictSame(await walk('limit=10000'), [1, [...box, ...google]])
  t.strictSame(await walk('account=google&limit=500'), [4, google])
  t.strictSame(await walk('account=box&limit=499'), [2, box])
  t.strictSame(await walk('account=aws'), [1, []])
  const first = google[999] ?? ''
  const [, ids] = await walk('account=google', async () => void await store.deleteTenant('google', first, BY))
  t.strictSame(ids, google, 'the last of a page may go meanwhile')
})

t.test('a long id in percent-encoding arrives', async (t) => {
  const { send } = await startAdmin(t)
  const id = `dbtid:${'a'.repeat(247)}`
  const escaped = [...id].map((letter) => `%${letter.charCodeAt(0).toString(16)}`).join('')
  const put = await send('editor', { method: 'PUT', url: `/v1/tenants/dropbox/${escaped}`, payload: {} })
  t.strictSame(put.json(), { account: 'dropbox', id })
})

t.test('what is not a tenant is refused, naming the field', async (t) => {
  const { send, store } = await startAdmin(t)
  const cases: [string, object, number, string, { path: string; message: RegExp }][] = [
    ['/v1/tenants/gogle/a', {}, 400, 'admin.invalid', { path: 'account', message: /did you mean google\?/ }],
    ['/v1/tenants/google/a%20b', {}, 422, 'tenant.invalid', { path: 'id', message: /1 to 253 characters/ }],
    ['/v1/tenants/google/a%2fb', {}, 422, 'tenant.invalid', { path: 'id', message: /1 to 253 characters/ }],
    [`/v1/tenants/google/${'a'.repeat(254)}`, {}, 400, 'admin.invalid', { path: 'id', message: /253/ }],
    ['/v1/tenants/google/a', { nmae: 'x' }, 400, 'admin.invalid', { path: 'nmae', message: /did you mean name\?/ }],
    ['/v1/tenants/google/a', { name: 5 }, 400, 'admin.invalid', { path: 'name', message: /200 characters/ }],
    ['/v1/tenants/google/a', { name: 'a\u001b[2J' }, 400, 'admin.invalid', { path: 'name', message: /one line/ }],
    ['/v1/tenants/google/a', { aliases: 'b' }, 400, 'admin.invalid', { path: 'aliases', message: /a list/ }],
    ['/v1/tenants/google/a', { aliases: ['b', 'c d'] }, 422, 'tenant.invalid', { path: 'aliases/1', message: /1 to 253/ }],
    ['/v1/tenants/google/a', { aliases: Array.from({ length: 101 }, (_, n) => `b${n}`) }, 400, 'admin.invalid', { path: 'aliases', message: /100/ }],
    ['/v1/tenants/google/a', [], 400, 'admin.invalid', { path: '', message: /an object of name and aliases/ }],
  ]
  for (const [url, payload, status, code, fault] of cases) {
    const answer = await send('editor', { method: 'PUT', url, payload })
    t.equal(answer.statusCode, status, `${url.slice(0, 40)} ${answer.body}`)
    t.match(answer.json(), { status, code, errors: [fault] })
  }
  t.match((await send('viewer', { url: '/v1/tenants?acount=google' })).json(), { status: 400, errors: [{ path: 'acount', message: /account/ }] })
  t.match((await send('viewer', { url: '/v1/tenants?account=x' })).json(), { status: 400, errors: [{ path: 'account' }] })
  t.strictSame((await store.load()).tenants, [])
})
