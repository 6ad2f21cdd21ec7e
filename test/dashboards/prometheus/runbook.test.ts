/** What can be said of the rules and of the table of metrics without Prometheus. */
import { readFile } from 'node:fs/promises'
import t from 'tap'
import { parse } from 'yaml'
import { createMetrics } from '../../../dashboards/metrics.ts'
import { readRuleFile, readRules, RULE_FILES, shorten } from './rule-files.ts'

const readme = await readFile(new URL('../../../dashboards/README.md', import.meta.url), 'utf8')

/** All that there can be, with what others would have told. */
async function allMetrics(): Promise<string> {
  const metrics = createMetrics()
  for (const read of [metrics.policyRevision, metrics.policyAge, metrics.connectionsOpen, metrics.blockedUploads, metrics.sessionStoreFailures, metrics.bindingStoreFailures]) read(() => 0)
  for (const read of [metrics.storeUp, metrics.shedding, metrics.breakGlass, metrics.policyFaulty, metrics.peopleFileUp, metrics.ldapUp]) read(() => true)
  metrics.eventSinks(() => [])
  metrics.certificates(() => new Map())
  metrics.limits({ connections: 1, tunnels: 1, memory: 1 })
  metrics.leafCache(() => ({ size: 0, hits: 0, misses: 0 }))
  metrics.workers(() => ({ ready: 0, exits: 0 }))
  return (await metrics.text()).body
}
const names = [...(await allMetrics()).matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name)

t.test('the table in README has each metric, and no other', async (t) => {
  const ours = names.filter((name) => name.startsWith('sluice_'))
  const rows = readme.split('\n').filter((line) => line.startsWith('| `sluice_')).map((line) => line.split('|')[1] ?? '')
  const told = rows.flatMap((cell) => [...cell.matchAll(/`(\w+)`/g)].map(([, name = '']) => name))
  t.same(told.toSorted(), ours.toSorted())
})

t.test('each alert has severity, summary, description and its section of the runbook', async (t) => {
  const headings = new Set([...readme.matchAll(/^### (\S+)$/gm)].map(([, heading = '']) => heading))
  const alerts = (await readRules('alerts.rules.yml')).map((rule) => ({ alert: '', labels: {}, annotations: {}, ...rule }))
  for (const { alert, labels, annotations } of alerts) {
    t.match(labels, { severity: /^(warning|critical)$/ }, alert)
    t.match(annotations, { summary: /\w/, description: /\w/, runbook_url: `dashboards/README.md#${alert.toLowerCase()}` }, alert)
    t.ok(headings.has(alert), `${alert} has a section`)
    headings.delete(alert)
  }
  t.same([...headings].filter((heading) => heading.startsWith('Sluice')), [], 'no section is left over')
})

t.test('each alert is seen to fire and not to', async (t) => {
  const cases: { alertname: string; exp_alerts: unknown[] }[] = []
  for (const file of ['alerts.yml', 'trends.yml']) {
    const { tests }: { tests: { alert_rule_test: typeof cases }[] } = parse(await readFile(new URL(file, import.meta.url), 'utf8'))
    cases.push(...tests.flatMap(({ alert_rule_test }) => alert_rule_test))
  }
  for (const { alert } of await readRules('alerts.rules.yml')) {
    const own = cases.filter(({ alertname }) => alertname === alert)
    t.ok(own.some(({ exp_alerts }) => exp_alerts.length > 0), `${alert} fires`)
    t.ok(own.some(({ exp_alerts }) => exp_alerts.length === 0 || (alert === 'SluiceSaturated' && exp_alerts.length < 6)), `${alert} does not`)
  }
})

t.test('rules ask only for metrics that there are', async (t) => {
  const known = new Set([...names, 'up'])
  for (const { expr } of (await Promise.all(RULE_FILES.map(readRules))).flat()) {
    const asked = [...expr.matchAll(/(?<![:\w])(?:sluice|process|nodejs)_\w+/g)].map(([name]) => name)
    t.same(asked.filter((name) => !known.has(name)), [], expr)
  }
})

t.test('shortened rules keep names and thresholds', async (t) => {
  const text = shorten(await readRuleFile('alerts.rules.yml'))
  t.match(text, 'increase1h{client!="browser"}) > 0')
  t.match(text, '[1680s:10s] offset 10s')
  t.match(text, '< 30 * 86400')
  t.match(text, 'for: 3s')
  t.notMatch(text, /(?:for|interval): \d+m|\[\d+[mhdw]/)
})
