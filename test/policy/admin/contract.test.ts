/** Every operation of the document, asked over a real connection by a client that was made from the document. */
import { Validator } from '@seriousme/openapi-schema-validator'
import t from 'tap'
import { mayUse } from '../../../policy/admin/auth.ts'
import { V1_ERRORS } from '../../../policy/admin/document.ts'
import { SluiceError } from '../../../policy/errors.ts'
import { ROLES } from '../../../policy/store/store.ts'
import { startClient } from './client.ts'
import { startAdmin } from './harness.ts'
import { misspelt } from './misspelt.ts'
import { callOf, OPERATIONS } from './operations.ts'

t.test('the document is OpenAPI 3.1, and names each operation of this table and no other', async (t) => {
  const { document, operations } = await startClient(await startAdmin(t))
  t.match(await new Validator().validate(structuredClone(document)), { valid: true })
  t.match(document, { openapi: '3.1.0', info: { version: '1.2.3' } })
  t.strictSame(operations.map(({ operationId }) => operationId).sort(), Object.keys(OPERATIONS).sort())
  t.notMatch(JSON.stringify(document), /"\$defs"|"x-component"|undefined/)
})

t.test('the cyclic conditions refer to themselves', async (t) => {
  const { document } = await startClient(await startAdmin(t))
  t.match(document.components, { schemas: {
    When: { properties: { not: { $ref: '#/components/schemas/When' } } }, Rule: { properties: { when: { $ref: '#/components/schemas/When' } } },
  } })
})

const IDEMPOTENCY_ERRORS = ['idempotency.mismatch', 'idempotency.running']

for (const [operationId, { role, call, status, errors = {} }] of Object.entries(OPERATIONS)) {
  t.test(`${operationId}: succeeds for ${role ?? 'anybody'}, and for nobody below`, async (t) => {
    const admin = await startAdmin(t)
    const client = await startClient(admin)
    t.equal(client.operations.find((one) => one.operationId === operationId)?.['x-role'], role ?? undefined)
    const ready = await callOf(call, admin)
    if (role !== null) {
      for (const secret of [null, 'slc_wrong']) t.match(await client.call(operationId, secret, ready), { status: 401, data: { code: 'admin.unauthorised' } })
      for (const other of ROLES.filter((one) => !mayUse(one, role))) {
        t.match(await client.call(operationId, admin.secrets[other], ready), { status: 403, data: { code: 'admin.forbidden' } }, other)
      }
    }
    const answer = await client.call(operationId, role === null ? null : admin.secrets[role], ready)
    t.equal(answer.status, status, JSON.stringify(answer.data).slice(0, 500))
    t.strictSame(admin.lies, [])
  })

  t.test(`${operationId}: answers each error that it declares`, async (t) => {
    const admin = await startAdmin(t)
    const { document, operations, call: ask } = await startClient(admin)
    const described = operations.find((one) => one.operationId === operationId)
    const { codes = new Set<string>() } = described ?? {}
    const common: string[] = [...IDEMPOTENCY_ERRORS, 'internal', ...role === null ? [] : V1_ERRORS, 'admin.too-large']
    t.strictSame([...codes].filter((code) => !common.includes(code)).sort(), Object.keys(errors).sort())
    for (const [code, asked] of Object.entries(errors)) {
      const answer = await ask(operationId, admin.secrets.admin, await callOf(asked, admin))
      t.match(answer.data, { code }, JSON.stringify(answer.data).slice(0, 500))
    }
    for (const [place, wrong, name] of misspelt(document, operationId, await callOf(call, admin))) {
      const answer = await ask(operationId, admin.secrets.admin, wrong)
      t.match(answer.data, { errors: [{ path: new RegExp(`(^|/)${name}x$`), message: `did you mean ${name}?` }] }, `${place} ${JSON.stringify(answer.data).slice(0, 300)}`)
    }
    if (role !== null) {
      const query = await ask(operationId, admin.secrets.admin, { ...await callOf(call, admin), params: { nonsense: '1' } })
      t.match(query.data, { code: 'admin.invalid' })
    }
    t.strictSame(admin.lies, [])
  })
}

/** A body as good, which says something else. */
function anotherOf(body: unknown): unknown {
  return Array.isArray(body) ? [] : Object.fromEntries(Object.entries(Object(body)).map(([name, value]: [string, unknown]) =>
    ['id', 'label', 'reason'].includes(name) ? [name, `${String(value)}-2`] : [name, value]))
}

t.test('a creation that is sent again is made once; its key is for no other request', async (t) => {
  const { operations } = await startClient(await startAdmin(t))
  const idempotent = operations.filter(({ codes }) => codes.has('idempotency.mismatch'))
  t.ok(idempotent.length >= 3)
  for (const { operationId } of idempotent) {
    const admin = await startAdmin(t)
    const { call: ask } = await startClient(admin)
    const operation = OPERATIONS[operationId]
    if (operation === undefined) continue
    const { call, role, status } = operation
    const ready = await callOf(call, admin)
    const keyed = { ...ready, headers: { ...ready.headers, 'Idempotency-Key': 'one' } }
    const secret = admin.secrets[role ?? 'admin']
    const first = await ask(operationId, secret, keyed)
    t.match(first, { status, headers: { 'idempotency-replayed': undefined } }, operationId)
    const again = await ask(operationId, secret, keyed)
    t.match(again, { status, headers: { 'idempotency-replayed': 'true' } }, operationId)
    const other = await ask(operationId, secret, { ...keyed, body: anotherOf(ready.body) })
    t.match(other.data, { code: 'idempotency.mismatch' }, operationId)
    t.strictSame(admin.lies, [])
  }
})

t.test('what every route may answer: a body that is too large, and one of another media type', async (t) => {
  const admin = await startAdmin(t)
  const { document } = await startClient(admin)
  const paths = Object.entries(document.paths as Record<string, Record<string, { operationId: string; security?: object }>>)
  const taking = paths.flatMap(([path, methods]) => Object.entries(methods).flatMap(([method, { operationId, security }]) =>
    method === 'get' || security !== undefined ? [] : [{ operationId, method: method.toUpperCase() as 'POST', url: path.replaceAll(/[{][^}]+[}]/g, '1') }]))
  t.ok(taking.length > 10)
  for (const { operationId, method, url } of taking) {
    const place = url.startsWith('/v1/tenants/1/') ? url.replace('/1/', '/box/') : url
    const large = await admin.send('admin', { method, url: place, headers: { 'content-type': 'application/json', 'content-length': '999999999' }, payload: '{}' })
    t.match(large.json(), { status: 413, code: 'admin.too-large' }, `${operationId} ${large.body.slice(0, 200)}`)
    const odd = await admin.send('admin', { method, url: place, headers: { 'content-type': 'application/x-odd' }, payload: 'x' })
    t.match(odd.json(), { status: 415, code: 'admin.invalid' }, `${operationId} ${odd.body.slice(0, 200)}`)
  }
})

t.test('what every route may answer: a store that is away, and what nobody expected', async (t) => {
  let failure: Error = new SluiceError('store.unreachable', 'The store cannot be reached.', 'Wait.')
  const admin = await startAdmin(t, { tokens: async () => { throw failure } })
  const { call } = await startClient(admin)
  const guarded = Object.entries(OPERATIONS).filter(([, { role }]) => role !== null)
  for (const [operationId, operation] of guarded) {
    t.match(await call(operationId, 'any', await callOf(operation.call, admin)), { status: 503, data: { code: 'store.unreachable' } }, operationId)
  }
  failure = new Error('inner workings')
  for (const [operationId, operation] of guarded) {
    t.match(await call(operationId, 'any', await callOf(operation.call, admin)), { status: 500, data: { code: 'internal' } }, operationId)
  }
  t.strictSame(admin.lies, [])
})
