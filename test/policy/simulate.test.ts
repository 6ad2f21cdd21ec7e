import t from 'tap'
import { toLine } from '../../dashboards/ecs.ts'
import type { Outcome } from '../../dashboards/outcome.ts'
import type { Operation } from '../../policy/operation.ts'
import { parsePolicy } from '../../policy/policy.ts'
import { Simulation, withPseudonyms } from '../../policy/simulate.ts'
import type { SimulationSettings } from '../../policy/simulate.ts'
import { outcome } from '../dashboards/outcome.ts'

const policy = (...rules: readonly Record<string, unknown>[]) => parsePolicy({ default: 'allow', unknownTenant: 'log', rules })
const open = policy()
const evidence = { tenantIds: ['team'], tenantDenies: false, namedElsewhere: false, sessionLost: false, decidedAt: outcome().at }
const event = (change: Partial<Outcome> = {}): unknown => JSON.parse(toLine(outcome({ evidence, ...change }), 1))
const client = outcome().client
const operation = outcome().operation as Operation

function simulate(settings: Partial<SimulationSettings>, events: readonly unknown[]) {
  const simulation = new Simulation({ draft: open, current: open, against: 'current', late: 'block', ...settings })
  for (const one of events) simulation.add(one)
  return simulation.result()
}

t.test('what a draft would decide otherwise is told by rule, user, provider and tenant', async t => {
  const current = policy({ id: 'old', when: { user: 'eve' }, action: 'block' })
  const draft = policy({ id: 'no-dropbox', when: { provider: 'dropbox', activity: 'upload' }, action: 'block' })
  const result = simulate({ draft, current }, [
    ...Array.from({ length: 3 }, (_, i) => event({ id: `ada-${i}` })),
    event({ id: 'eve', client: { ...client, user: 'eve' }, operation: { ...operation, activity: 'download' } }),
    event({ id: 'bob', client: { ...client, user: 'bob' }, operation: { ...operation, activity: 'list' } }),
    event({ operation: null, attribution: null, protocol: 'tunnel' }), { not: 'an event' },
  ])
  t.match(result, {
    against: 'current', events: 5, skipped: 1, unreadable: 1, changed: 4, oldest: '2026-01-02T03:04:05.000Z', newest: '2026-01-02T03:04:05.000Z',
    changes: [{ from: 'allow', to: 'block', events: 3 }, { from: 'block', to: 'allow', events: 1 }],
    byRule: [
      { before: null, after: 'no-dropbox', events: 3, changes: [{ from: 'allow', to: 'block', events: 3 }] },
      { before: 'old', after: null, events: 1, changes: [{ from: 'block', to: 'allow', events: 1 }] },
    ],
    byUser: [{ key: 'ada', events: 3 }, { key: 'eve', events: 1 }], byProvider: [{ key: 'dropbox', events: 4 }],
    byTenant: [{ key: 'dropbox/team', events: 4 }], inexact: [],
  })
  t.strictSame(result.samples.map(({ id }) => id), ['ada-0', 'ada-1', 'ada-2', 'eve'])
  t.match(result.samples[3], { user: 'eve', from: { action: 'block', rule: 'old' }, to: { action: 'allow', rule: null } })
})

t.test('against what was decided then, the policy in force does not count', async t => {
  const draft = policy({ id: 'own-tenants', when: { tenant: 'team' }, action: 'allow' })
  const blocked = event({ decision: { action: 'block', ruleId: 'gone', revision: 3, reasons: ['rule'] } })
  t.match(simulate({ draft, against: 'recorded' }, [event(), blocked]), {
    events: 2, changed: 1, byRule: [{ before: 'gone', after: 'own-tenants' }],
  })
  t.match(simulate({ draft, against: 'current' }, [event(), blocked]), { events: 2, changed: 0, samples: [] })
})

t.test('rules in monitor mode say what they would have done', async t => {
  const draft = policy({ id: 'trial', mode: 'monitor', when: { activity: 'upload' }, action: 'block' })
  t.match(simulate({ draft }, [event(), event()]), { changed: 0, monitored: [{ rule: 'trial', action: 'block', events: 2 }] })
})

t.test('what the policies ask for and events do not tell is counted; what nobody asks for is not', async t => {
  const cut = event({ path: `/${'x'.repeat(3_000)}` })
  const byPath = policy({ id: 'by-path', when: { not: { path: '/2/*' } }, action: 'log' })
  t.strictSame(simulate({ draft: byPath }, [cut, event()]).inexact, [{ condition: 'path', events: 1 }])
  t.strictSame(simulate({ current: byPath }, [cut]).inexact, [{ condition: 'path', events: 1 }])
  t.strictSame(simulate({ current: byPath, against: 'recorded' }, [cut]).inexact, [])
  const disabled = policy({ id: 'by-path', enabled: false, when: { path: '/2/*' }, action: 'log' })
  t.strictSame(simulate({ draft: disabled }, [cut]).inexact, [])
})

t.test('a transfer that was cut before its size was known is told as such', async t => {
  const bySize = policy({ id: 'large', when: { size: { atLeast: '10MB' } }, action: 'block' })
  const short = event({ operation: { ...operation, size: { bytes: 5_000_000, is: 'at-least' } } })
  t.match(simulate({ draft: bySize }, [short, event()]), { changed: 0, inexact: [{ condition: 'size', events: 1 }] })
})

t.test('a rule that names a user holds for the pseudonym too', async t => {
  const draft = policy({ id: 'ada', when: { user: ['Ada', 'bob'] }, action: 'block' })
  const hidden = event({ client: { ...client, user: 'u-ada', ip: 'ip-1' }, isPseudonymous: true })
  const named = withPseudonyms(draft, user => `u-${user.toLowerCase()}`)
  t.match(simulate({ draft: named, knowsPseudonyms: true }, [hidden, event()]), { changed: 2, inexact: [] })
  t.match(simulate({ draft }, [hidden]), { changed: 0, inexact: [{ condition: 'user', events: 1 }] })
  const networks = policy({ id: 'net', when: { source: '10.0.0.0/8' }, enforceFor: { percent: 50 }, action: 'block' })
  t.strictSame(simulate({ draft: networks }, [hidden]).inexact.map(({ condition }) => condition).sort(), ['enforceFor', 'source'])
})

t.test('a million people take no more memory than ten thousand', async t => {
  const draft = policy({ id: 'all', action: 'block' })
  const simulation = new Simulation({ draft, current: open, against: 'current', late: 'block' })
  const one = event() as { user: { name: string } }
  for (let i = 0; i < 12_000; i++) simulation.add({ ...one, user: { name: `person-${i % 11_000}` } })
  const { byUser, samples } = simulation.result()
  t.equal(byUser.length, 50)
  t.equal(byUser.at(-1)?.key, '(other)')
  t.equal(byUser.reduce((sum, { events }) => sum + events, 0), 12_000)
  t.equal(samples.length, 100)
})
