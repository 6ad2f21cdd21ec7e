import t from 'tap'
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
  const { contentType, body } = await mergeMetrics([await one.values(), await two.values()])
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
  const { body } = await mergeMetrics([await living.values(), past])
  t.equal(sample(body, 'sluice_requests_total'), 3)
  t.equal(sample(body, 'sluice_decision_duration_seconds_count'), 3)
  t.equal(sample(body, 'sluice_tunnels_open'), 0)
})
