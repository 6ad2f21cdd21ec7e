/** The rules as Debian's promtool judges them: their form, and each alert over series made for it. */
import t from 'tap'
import { noPrometheus, promtool } from './promtool.ts'

const FOLDER = new URL('../../../dashboards/prometheus/', import.meta.url)
const skip = noPrometheus()

t.test('configuration and rules are well formed', { skip }, async (t) => {
  const { status, said } = await promtool(['check', 'config', 'prometheus.yml'], { cwd: FOLDER })
  t.equal(status, 0, said)
})

for (const file of ['alerts.yml', 'trends.yml']) {
  t.test(`promtool test rules ${file}`, { skip }, async (t) => {
    const { status, said } = await promtool(['test', 'rules', file], { cwd: new URL('.', import.meta.url) })
    t.equal(status, 0, said)
  })
}
