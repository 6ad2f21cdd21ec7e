/** Two nodes with a Redis between them: what one promises about changes made at the same time, the other keeps. */
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'
import t from 'tap'
import { mintToken } from '../../../policy/admin/tokens.ts'
import { openSnapshot } from '../../../policy/snapshot.ts'
import { openStore } from '../../../policy/store/open.ts'
import { BY, policyOf } from '../store/contract.ts'
import { noRedis, startRedis } from '../store/redis-server.ts'
import { startAdmin } from './harness.ts'

const COUNT = 10
const server = await startRedis()

t.test('two nodes', { skip: noRedis() }, async (t) => {
  if (server === null) return
  t.teardown(() => server.close())
  const apps: FastifyInstance[] = []
  for (let n = 0; n < 2; n++) {
    const store = await openStore(server.url)
    const snapshot = await openSnapshot({
      store, fallback: policyOf('first'), strict: policyOf('strict'), cacheFile: null, required: true, late: 'block', log: () => undefined,
    })
    t.teardown(async () => {
      snapshot.close()
      await store.close()
    })
    apps.push((await startAdmin(t, { store, snapshot, tokens: () => store.tokens() })).app)
  }
  const store = await openStore(server.url)
  t.teardown(() => store.close())
  const { secret, stored } = mintToken('editor', 'the editor')
  await store.putToken(stored, BY)
  const ask = async (i: number, request: InjectOptions): Promise<LightMyRequestResponse> => {
    const app = apps[i % apps.length]
    if (app === undefined) throw new Error('there is no node')
    return app.inject({ ...request, headers: { authorization: `Bearer ${secret}`, ...request.headers } })
  }
  const ids = Array.from({ length: COUNT }, (_, i) => `r${i}`)

  await t.test('rules: each is created, and then changed, whatever happens to the others', async (t) => {
    const made = await Promise.all(ids.map((id, i) => ask(i, { method: 'POST', url: '/v1/rules', payload: { id, action: 'log' } })))
    t.strictSame(made.map((answer) => answer.statusCode), ids.map(() => 201))
    const changed = await Promise.all(ids.map((id, i) => ask(i + 1, {
      method: 'PATCH', url: `/v1/rules/${id}`, headers: { 'if-match': String(made[i]?.headers.etag) }, payload: { description: id },
    })))
    t.strictSame(changed.map((answer) => answer.statusCode), ids.map(() => 200))
    const { rules = [] } = (await store.load()).policy?.policy ?? {}
    t.strictSame(rules.flatMap(({ id, description }) => id === description ? [id] : []).sort(), ids)
    t.equal((await store.load()).policy?.revision, 1 + 2 * COUNT)
  })

  await t.test('one rule, one tenant: of many who have seen the same, one changes it', async (t) => {
    const { etag } = (await ask(0, { url: '/v1/rules/r0' })).headers
    const rules = await Promise.all(ids.map((id, i) => ask(i, {
      method: 'PATCH', url: '/v1/rules/r0', headers: { 'if-match': String(etag) }, payload: { description: `by ${id}` },
    })))
    t.strictSame(rules.map((answer) => answer.statusCode).sort(), [200, ...Array.from({ length: COUNT - 1 }, () => 412)])
    const tenants = await Promise.all(ids.map((id, i) => ask(i, {
      method: 'PUT', url: '/v1/tenants/google/own.example', headers: { 'if-none-match': '*' }, payload: { name: id },
    })))
    t.strictSame(tenants.map((answer) => answer.statusCode).sort(), [200, ...Array.from({ length: COUNT - 1 }, () => 412)])
  })

  await t.test('one creation, sent to both under one key, is made once', async (t) => {
    const before = (await store.load()).policy?.revision ?? 0
    const answers = await Promise.all(ids.map((_, i) => ask(i, {
      method: 'POST', url: '/v1/rules', headers: { 'idempotency-key': 'the-same' }, payload: { id: 'once', action: 'log' },
    })))
    for (const answer of answers) t.ok(answer.statusCode === 201 || answer.json().code === 'idempotency.running', answer.body)
    t.equal((await store.load()).policy?.revision, before + 1)
    const later = await ask(1, { method: 'POST', url: '/v1/rules', headers: { 'idempotency-key': 'the-same' }, payload: { id: 'once', action: 'log' } })
    t.match(later, { statusCode: 201, headers: { 'idempotency-replayed': 'true' } })
  })

  await t.test('what one node stores, the other answers at once', async (t) => {
    await store.putTenant({ account: 'box', id: 'late' }, BY)
    t.equal((await ask(1, { url: '/v1/tenants/box/late' })).statusCode, 200)
    const revisions = (await ask(1, { url: '/v1/policy/revisions?limit=1' })).json().revisions
    t.match(revisions, [{ author: /the editor$/, changes: [{ kind: 'added', ruleId: 'once' }] }])
  })
})
