import t from 'tap'
import { expose } from '../../dashboards/expose.ts'
import { mergeCounts, mergeMetrics } from '../../dashboards/merge-metrics.ts'
import { createMetrics } from '../../dashboards/metrics.ts'
import { outcome } from './outcome.ts'

function sample(text: string, name: string): number {
  return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(text)?.[1])
}

t.test('counts add up, and what is up must be up everywhere', async t => {
  const [one, two] = [createMetrics(), createMetrics()]
  one.observe(outcome())
  two.observe(outcome())
  two.observe(outcome())
  for (const each of [one, two]) each.tunnelOpened('spliced')
  one.storeUp(() => true)
  two.storeUp(() => false)
  one.shedding(() => false)
  two.shedding(() => true)
  const { contentType, body } = expose(await mergeMetrics([await one.values(), await two.values()]), '')
  t.match(contentType, 'text/plain')
  t.equal(sample(body, 'sluice_requests_total'), 3)
  t.equal(sample(body, 'sluice_tunnels_open'), 2)
  t.equal(sample(body, 'sluice_decision_duration_seconds_count'), 3)
  t.equal(sample(body, 'sluice_store_up'), 0)
  t.equal(sample(body, 'sluice_shedding'), 1)
  t.equal(sample(body, 'sluice_build_info'), 1)
})

t.test('of a process that is gone the counts stay, and nothing else', async t => {
  const [gone, living] = [createMetrics(), createMetrics()]
  gone.observe(outcome())
  gone.tunnelOpened('spliced')
  living.observe(outcome())
  const past = await mergeCounts([await mergeCounts([[], await gone.values()]), await gone.values()])
  const { body } = expose(await mergeMetrics([await living.values(), past]), '')
  t.equal(sample(body, 'sluice_requests_total'), 3)
  t.equal(sample(body, 'sluice_decision_duration_seconds_count'), 3)
  t.equal(sample(body, 'sluice_tunnels_open'), 0)
})

t.test('of exemplars the latest stays', async t => {
  const [one, two] = [createMetrics(), createMetrics()]
  one.observe(outcome({ id: 'CCCCCCCCCCCCCCCCCCCCCC', at: 9_000 }))
  two.observe(outcome({ at: 5_000 }))
  const merged = await mergeCounts([await one.values(), await two.values()])
  const { body } = expose(await mergeMetrics([merged, await two.values()]), 'application/openmetrics-text')
  t.match(body, /^sluice_decision_duration_seconds_bucket\{le="0.000025"\} 3 # \{event_id="C{22}"\} 0\.00002 9$/m)
})
