/**
 * A real Prometheus scrapes a real Sluice, whose store is a real Redis: it loads the rules, with all times shortened (see
 * `shorten`), and alerts fire and resolve by what happens.
 */
import { join } from 'node:path'
import t from 'tap'
import { curl } from '../../e2e/curl.ts'
import { eventually } from '../../e2e/observe.ts'
import { ALLOW_ALL, BLOCK_UPLOADS } from '../../e2e/policies.ts'
import { startWorld } from '../../e2e/world.ts'
import { makeFile } from '../../origin/bytes.ts'
import { noRedis, startRedis } from '../../policy/store/redis-server.ts'
import { noPrometheus, promtool } from './promtool.ts'
import { readRuleFile, readRules, RULE_FILES, shorten } from './rule-files.ts'
import { startPrometheus } from './server.ts'

/** Above the 100 MB of `SluiceUnsanctionedUploadSpike`. */
const MUCH = 110_000_000
const WITHIN_MS = 40_000

interface Group {
  readonly rules: readonly { readonly name: string; readonly health: string; readonly lastError?: string }[]
}
interface Alert {
  readonly state: string
  readonly labels: Readonly<Record<string, string>>
}

t.test('alerts fire and resolve on traffic made for them', { skip: noPrometheus() || noRedis(), timeout: 180_000 }, async (t) => {
  const redis = await startRedis({ keep: true })
  if (redis === null) return
  t.teardown(() => redis.close())
  const world = await startWorld({ config: { store: { url: redis.url } } })
  t.teardown(() => world.close())
  await world.setPolicy(ALLOW_ALL)
  const dir = t.testdir()
  const rules = Object.fromEntries(await Promise.all(RULE_FILES.map(async (name) => [name, shorten(await readRuleFile(name))] as const)))
  const prometheus = await startPrometheus({ dir: join(dir, 'prometheus'), targets: [world.admin.replace('http://', '')], rules })
  t.teardown(() => prometheus.close())
  const firing = async (): Promise<Alert[]> =>
    (await prometheus.api<{ alerts: Alert[] }>('alerts')).alerts.filter(({ state }) => state === 'firing')
  const isFiring = async (name: string): Promise<boolean> => (await firing()).some(({ labels }) => labels['alertname'] === name)

  t.ok(await eventually(async () => (await prometheus.query('up{job="sluice"} == 1')).length === 1, WITHIN_MS), 'the target is up')
  const known = (await Promise.all(RULE_FILES.map(readRules))).flat().map(({ alert, record }) => alert ?? record)
  const loaded = async () => (await prometheus.api<{ groups: Group[] }>('rules')).groups.flatMap(({ rules }) => rules)
  t.ok(await eventually(async () => (await loaded()).every(({ health }) => health === 'ok'), WITHIN_MS), 'every rule is evaluated')
  t.same((await loaded()).map(({ name }) => name).toSorted(), known.toSorted(), 'and all are there')

  // What has no past is no increase: Sluice must have been seen before.
  t.ok(await eventually(async () => (await prometheus.query('up offset 11s == 1')).length === 1, WITHIN_MS))
  t.same(await firing(), [], 'nothing fires before anything has happened')

  const file = await makeFile(MUCH, { dir, name: 'much.bin' })
  const sent = await curl(['-X', 'POST', '-H', 'Content-Type: application/octet-stream', '-H', 'Dropbox-API-Arg: {"path":"/much.bin"}',
    '--data-binary', `@${file.path}`, 'https://content.dropboxapi.com/2/files/upload'], { proxy: world.proxy, caFile: world.caFile, timeoutMs: 60_000 })
  t.equal(sent.status, 200)
  t.ok(await eventually(() => isFiring('SluiceNewNonBrowserClient'), WITHIN_MS), 'a program that was not seen before')
  t.match((await firing()).find(({ labels }) => labels['alertname'] === 'SluiceNewNonBrowserClient'), { labels: { provider: 'dropbox', client: 'cli' } })
  t.ok(await eventually(() => isFiring('SluiceUnsanctionedUploadSpike'), WITHIN_MS), 'much that is not sanctioned')

  await redis.stop()
  t.ok(await eventually(() => isFiring('SluiceStoreDown'), WITHIN_MS), 'the store is down')
  await redis.restart()
  for (const name of ['SluiceStoreDown', 'SluiceNewNonBrowserClient', 'SluiceUnsanctionedUploadSpike']) {
    t.ok(await eventually(async () => !(await isFiring(name)), WITHIN_MS), `${name} is over`)
  }

  await world.setPolicy(BLOCK_UPLOADS)
  const client = { proxy: world.proxy, caFile: world.caFile }
  for (let i = 0; i < 20; i++) await curl(['--data-binary', 'secret', '-H', 'Content-Type: application/octet-stream', 'https://content.dropboxapi.com/2/files/upload'], client)
  t.ok(await eventually(() => isFiring('SluiceBlockedUploadBurst'), WITHIN_MS), 'one client that tries again and again')

  type Exemplars = readonly { readonly exemplars: readonly { readonly labels: { readonly event_id: string }; readonly value: string }[] }[]
  const [exemplar] = (await prometheus.api<Exemplars>(`query_exemplars?query=sluice_upload_size_bytes_bucket&start=${Date.now() / 1000 - 300}&end=${Date.now() / 1000 + 1}`)).flatMap(({ exemplars }) => exemplars).filter(({ value }) => Number(value) === MUCH)
  t.equal(Number(exemplar?.value), MUCH, 'the size of the upload has an exemplar')
  const event = await world.api('GET', `/v1/events/${exemplar?.labels.event_id ?? ''}`)
  t.match(await event.json(), { sluice: { operation: { provider: 'dropbox', activity: 'upload' } } }, 'which leads to its event')

  const text = await (await fetch(`${world.admin}/metrics`)).text()
  t.match(text, /^sluice_uploaded_bytes_total\{provider="dropbox",.*\} 110000000$/m)
  const { status, said } = await promtool(['check', 'metrics'], { input: text })
  t.equal(said, '', 'promtool finds nothing to complain of')
  t.equal(status, 0)
})
