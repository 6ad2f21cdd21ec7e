import { readFile } from 'node:fs/promises'
import t from 'tap'
import { createMetrics } from '../../dashboards/metrics.ts'

const BOARDS = new URL('../../dashboards/grafana/boards/', import.meta.url)

t.test('a board asks only for metrics and labels that exist', async t => {
  const metrics = createMetrics()
  for (const read of [metrics.policyRevision, metrics.policyAge, metrics.connectionsOpen]) read(() => 0)
  for (const read of [metrics.storeUp, metrics.shedding]) read(() => true)
  metrics.eventSinks(() => [])
  const known = new Set([...(await metrics.text()).body.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name, type]) =>
    type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [String(name)]))
  const text = await readFile(new URL('uploads.json', BOARDS), 'utf8')
  const board: { id: null; uid: string; panels: { datasource: { uid: string }; targets: { expr: string }[] }[] } = JSON.parse(text)
  t.equal(board.id, null)
  for (const { datasource, targets } of board.panels) {
    t.equal(datasource.uid, '${datasource}', 'a provisioned board takes the data source that is there')
    for (const { expr } of targets) {
      const used = expr.match(/sluice_\w+/g) ?? []
      t.ok(used.length > 0 && used.every(name => known.has(name)), expr)
    }
  }
})
