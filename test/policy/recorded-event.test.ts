/** What an event tells is what rules were asked with: otherwise a simulation would answer for another request. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { toLine } from '../../dashboards/ecs.ts'
import type { Outcome } from '../../dashboards/outcome.ts'
import type { Client, Operation } from '../../policy/operation.ts'
import { ACTIVITIES, CLIENT_CLASSES, STANDINGS, STEPS } from '../../policy/operation.ts'
import { PROVIDERS } from '../../policy/providers/index.ts'
import { readRecordedEvent } from '../../policy/recorded-event.ts'
import { factsOf } from '../../proxy/stages/judge.ts'
import { outcome } from '../dashboards/outcome.ts'

const recorded = (change: Partial<Outcome>, alter: (event: Record<string, unknown>) => unknown = event => event) =>
  readRecordedEvent(alter(JSON.parse(toLine(outcome(change), 1))))

const evidence = { tenantIds: ['team'], tenantDenies: false, namedElsewhere: false, sessionLost: false, decidedAt: Date.UTC(2026, 0, 2, 3, 4, 5) }
const operation = outcome().operation as Operation

const text = fc.string({ unit: 'grapheme', maxLength: 300 }).map(value => value.toWellFormed())
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 2 })
const defined = <T extends object>(value: T): T => Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T
const requests = fc.record({
  operation: fc.record({
    provider: fc.constantFrom(...PROVIDERS), activity: fc.constantFrom(...ACTIVITIES), step: fc.constantFrom(...STEPS),
    size: fc.record({ bytes: fc.nat(), is: fc.constantFrom('exact', 'at-least', 'unknown') }, { noNullPrototype: true }),
    names: fc.array(text, { maxLength: 3 }), moreNames: fc.constantFrom(true as const, undefined), contentType: optional(text),
  }).map(({ names, ...rest }) => defined({ ...rest, fileName: names[0], fileNames: names.length > 1 ? names : undefined }) as Operation),
  standing: fc.constantFrom(...STANDINGS), tenantIds: fc.array(text, { maxLength: 4 }), trust: fc.constantFrom('sure', 'denied', undefined),
  client: fc.record({
    ip: fc.ipV4(), user: optional(text), groups: optional(fc.array(text, { maxLength: 5 })), userAgent: text, class: fc.constantFrom(...CLIENT_CLASSES),
  }).map(client => defined(client) as Client),
  head: fc.record({ host: fc.domain(), path: text, method: fc.constantFrom('GET', 'PUT', 'POST') }),
  namedElsewhere: fc.boolean(), sessionLost: fc.boolean(), isCoded: fc.boolean(), at: fc.integer({ min: 0, max: 4e12 }), waited: fc.nat(200_000),
})

t.test('the facts of any request are read back from its event as they were', async t => {
  fc.assert(fc.property(requests, ({ operation, standing, tenantIds, trust, client, head, namedElsewhere, sessionLost, isCoded, at, waited }) => {
    const attribution = { account: 'dropbox', id: tenantIds[0] ?? null, standing, how: 'place', reasons: [], tenantIds, trust } as const
    const { body: _, ...asked } = factsOf({
      // @ts-expect-error: of the view, the facts take exceptions, and of the head host, path, method and coding.
      view: {}, module: null, head: { ...head, headers: { get: () => isCoded ? 'gzip' : undefined } }, client, attribution, at: at + waited, namedElsewhere, sessionLost, body: { bytes: 0, isAll: true }, sentBefore: undefined,
    }, operation)
    const read = recorded({
      operation, attribution, client, host: head.host, path: head.path, method: head.method, at,
      evidence: { tenantIds, tenantDenies: trust !== 'sure', namedElsewhere, sessionLost, decidedAt: at + waited,
        ...isCoded && operation.activity === 'upload' ? { isEncoded: true } : {} },
    })
    if (read === undefined || read === 'other') throw new Error('not read')
    const minute = (ms: number): number => Math.floor(ms / 60_000)
    assert.deepStrictEqual({ ...read.facts, at: minute(read.facts.at) }, { ...asked, at: minute(asked.at) })
    assert.deepStrictEqual(read.inexact, [])
  }), { numRuns: 300 })
  t.pass()
})

t.test('what an event does not tell whole is named', async t => {
  const long = 'x'.repeat(3_000)
  const names = Array.from({ length: 17 }, (_, i) => `file-${i}`)
  for (const [change, condition] of [
    [{ path: `/${long}` }, 'path'],
    [{ path: '/up/s3ss10n', operation: { ...operation, session: 's3ss10n' } }, 'path'],
    [{ client: { ...outcome().client, userAgent: long } }, 'userAgent'],
    [{ client: { ...outcome().client, groups: Array.from({ length: 65 }, (_, i) => `g${i}`) } }, 'group'],
    [{ operation: { ...operation, fileName: 'file-0', fileNames: names } }, 'fileName'],
    [{ evidence: { ...evidence, tenantIds: Array.from({ length: 65 }, (_, i) => `t${i}`) } }, 'tenant'],
  ] as const) {
    t.match(recorded({ evidence, ...change }), { inexact: [condition] }, condition)
  }
})

t.test('an event of a version that told no facts is read, and says what it may not tell', async t => {
  const { fileName: _, ...unnamed } = operation
  t.match(recorded({}), { facts: { tenantIds: ['team'], tenantDenies: false, fileName: 'plan.pdf' }, inexact: ['tenant'], tenant: 'dropbox/team' })
  t.match(recorded({ operation: unnamed, attribution: null }), { facts: { standing: 'unknown', tenantIds: [] }, inexact: ['fileName'] })
})

t.test('what no policy decided on is not replayed, and what is no event is told from it', async t => {
  t.equal(recorded({ operation: null, attribution: null, protocol: 'tunnel' }), 'other')
  t.equal(recorded({ reasons: ['recogniser-failed'] }), 'other')
  const odd: unknown[] = [undefined, null, 1, 'text', [], {}, { event: null }, { event: { id: 1 } }, { event: { id: 'x', dataset: 'nginx.access' } }]
  for (const value of odd) t.equal(readRecordedEvent(value), undefined, JSON.stringify(value))
  const spoilt = (alter: (sluice: Record<string, Record<string, unknown>>) => unknown) => recorded({ evidence }, event => {
    alter(event.sluice as Record<string, Record<string, unknown>>)
    return event
  })
  t.equal(spoilt(({ operation }) => { if (operation) operation.provider = 'not-a-provider' }), undefined)
  t.equal(spoilt(({ operation }) => { if (operation) operation.size = { bytes: -1, is: 'exact' } }), undefined)
  t.equal(spoilt(sluice => { sluice.action = { toString: 'x' } }), undefined)
})
