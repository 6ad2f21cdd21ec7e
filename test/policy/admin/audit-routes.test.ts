import t from 'tap'
import { auditPage } from '../../../policy/admin/audit-page.ts'
import type { AuditEntry } from '../../../policy/store/audit-entry.ts'
import { BY } from '../store/contract.ts'
import { startAdmin } from './harness.ts'

t.test('changes are told newest first, with seq and hash, and nothing changes them', async (t) => {
  const { send, store } = await startAdmin(t)
  await send('editor', { method: 'PUT', url: '/v1/tenants/google/a.example', payload: {} })
  const { entries, head } = (await send('admin', { url: '/v1/audit' })).json()
  t.match(entries[0], {
    action: 'tenant.put', author: /^token:\w+ the editor$/, from: '127.0.0.1', seq: entries.length, hash: head.hash, prev: entries[1].hash,
  })
  t.match(head, await store.auditHead())
  t.strictSame(entries.map(({ seq }: AuditEntry) => seq), [...entries.keys()].map((i) => entries.length - i))
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'] as const) {
    t.equal((await send('admin', { method, url: '/v1/audit', payload: {} })).statusCode, 405, method)
    t.equal((await send('admin', { method, url: '/v1/audit/1', payload: {} })).statusCode, 404, method)
  }
  t.match(await store.auditHead(), head)
})

t.test('pages and filters', async (t) => {
  const { send, store } = await startAdmin(t)
  for (let i = 0; i < 12; i++) await store.putTenant({ account: 'box', id: String(i) }, { ...BY, author: i % 2 === 0 ? 'token:abc ci' : 'oidc:ann' })
  const walk = async (query: string): Promise<[pages: number, seqs: number[]]> => {
    const seqs: number[] = []
    let pages = 0
    for (let next: string | undefined = ''; next !== undefined; pages++) {
      const page: { entries: AuditEntry[]; next?: string } = (await send('admin', { url: `/v1/audit?${query}${next === '' ? '' : `&cursor=${next}`}` })).json()
      seqs.push(...page.entries.map(({ seq }) => seq))
      next = page.next
      await store.putTenant({ account: 'google', id: 'between.example' }, BY)
    }
    return [pages, seqs]
  }
  const head = (await store.auditHead())?.seq ?? 0
  const down = (from: number, to: number): number[] => Array.from({ length: from - to + 1 }, (_, i) => from - i)
  t.strictSame(await walk('limit=5'), [Math.ceil(head / 5), down(head, 1)], 'what comes meanwhile moves no page')
  t.equal((await walk('limit=3&author=oidc:ann'))[1].length, 6)
  t.equal((await walk('limit=100&author=token:abc'))[1].length, 6, 'an id without its label')
  t.equal((await walk('limit=100&author=token:ab'))[1].length, 0)
  t.equal((await walk('action=token.create'))[1].length, 4)
  t.strictSame((await walk(`from=${head - 1}&limit=1&author=${encodeURIComponent('token:abc ci')}`))[1], [head - 1])
  for (const query of ['from=0', 'from=-1', 'limit=0', 'limit=1001', 'cursor=x', 'action=policy', 'order=asc']) {
    t.equal((await send('admin', { url: `/v1/audit?${query}` })).statusCode, 400, query)
  }
})

t.test('a filter that fits nothing looks through so much and no more', async (t) => {
  const all = Array.from({ length: 25_000 }, (_, i): AuditEntry => ({
    seq: i + 1, at: '', author: i === 0 ? 'oidc:ann' : 'cli', from: 'cli', action: 'tenant.put', subject: '', prev: '', hash: '',
  }))
  let read = 0
  const page = (before: number | null) => auditPage({ seq: all.length, hash: '' }, async ({ from, limit }) => {
    read += limit
    return all.slice(from - 1, from - 1 + limit).filter(({ seq }) => seq % 7 !== 3)
  }, { from: 1, before, limit: 10, action: undefined, author: 'oidc:ann' })
  t.strictSame(await page(null), { entries: [], next: 15_001 })
  t.equal(read, 10_000)
  t.match(await page(15_001), { entries: [], next: 5_001 })
  t.match(await page(5_001), { entries: [{ seq: 1 }], next: null })
})
