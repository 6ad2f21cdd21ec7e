/** Whatever is sent to whichever operation: a problem that says what is wrong, or what the operation does; never a failure of ours. */
import fc from 'fast-check'
import t from 'tap'
import { startClient } from './client.ts'
import { startAdmin } from './harness.ts'
import { OPERATIONS } from './operations.ts'
import type { Operation } from './operations.ts'

interface Told {
  readonly operationId: string
  readonly security?: object
  readonly parameters?: readonly { readonly in: string; readonly name: string }[]
}

/** They hold the connection open. */
const STREAMS = ['followEvents']
const RUNS = 25

const odd = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }), fc.constantFrom('', '*', '"1"', 'W/"1"', '"', '"a" "b"', '-1', '1e9', '999999999999999999999', '__proto__', 'constructor', '../..', '\u0000', '%', '0'),
)
const field = odd.map((text) => text.replace(/[^\x20-\x7e]/g, '').trim())
const name = fc.constantFrom('id', 'when', 'not', 'action', 'rules', 'default', 'account', 'aliases', 'name', 'label', 'role', 'to', 'before', 'for', 'reason', 'constructor', 'toString')
const { json } = fc.letrec((tie) => ({
  json: fc.oneof({ depthSize: 'medium' }, odd, fc.integer(), fc.double(), fc.boolean(), fc.constant(null),
    fc.array(tie('json'), { maxLength: 4 }), fc.dictionary(fc.oneof(name, odd), tie('json'), { maxKeys: 5 })),
}))

/** Anything; or, where one that is good is known, that with something odd in one place. */
function bodyOf(operation: Operation | undefined): fc.Arbitrary<unknown> {
  const good = typeof operation?.call === 'object' ? operation.call.body : undefined
  if (typeof good !== 'object' || good === null || Array.isArray(good)) return json
  return fc.oneof(json, fc.tuple(fc.constantFrom(...Object.keys(good), '__proto__'), json).map(([key, value]) => ({ ...good, [key]: value })))
}

t.test('odd bodies, queries, paths and header fields', async (t) => {
  const admin = await startAdmin(t)
  const { document } = await startClient(admin)
  const operations = Object.entries(document.paths as Record<string, Record<string, Told>>).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, told]) => ({ ...told, path, method: method.toUpperCase() as 'GET' })))
  for (const { operationId, path, method, parameters = [], security } of operations) {
    if (security !== undefined || STREAMS.includes(operationId)) continue
    const queries = parameters.filter((one) => one.in === 'query').map((one) => one.name)
    const fields = parameters.filter((one) => one.in === 'header').map((one) => one.name)
    await fc.assert(fc.asyncProperty(
      bodyOf(OPERATIONS[operationId]), fc.array(odd, { minLength: 3, maxLength: 3 }), fc.subarray(queries), fc.subarray(fields), fc.array(odd, { minLength: 8, maxLength: 8 }), fc.array(field, { minLength: 4, maxLength: 4 }),
      async (body, places, asked, set, values, texts) => {
        let n = 0
        const url = path.replaceAll(/[{][^}]+[}]/g, () => encodeURIComponent((places[n++] ?? '').replace(/[\ud800-\udfff]/g, '') || 'x'))
        const query = new URLSearchParams(asked.map((one, i): [string, string] => [one, values[i] ?? '']))
        const answer = await admin.send('admin', {
          method, url: `${url}${asked.length > 0 ? `?${query}` : ''}`,
          headers: { ...Object.fromEntries(set.map((one, i) => [one, texts[i] ?? ''])), ...method !== 'GET' && { 'content-type': 'application/json' } },
          ...method !== 'GET' && { payload: JSON.stringify(body) },
        })
        if (answer.statusCode >= 500) throw new Error(`${operationId} ${answer.statusCode} ${answer.body.slice(0, 300)}`)
      },
    ), { numRuns: RUNS })
    t.pass(operationId)
  }
  t.strictSame(admin.lines.filter((line) => line.startsWith('error')), [])
})
