import t from 'tap'
import { createMetrics } from '../../dashboards/metrics.ts'
import { ACTIVITIES } from '../../policy/operation.ts'
import { PROVIDERS } from '../../policy/providers/index.ts'
import { outcome } from './outcome.ts'

const lines = async (metrics: ReturnType<typeof createMetrics>) =>
  (await metrics.text()).body.split('\n').filter(line => line.startsWith('sluice_'))
const series = async (metrics: ReturnType<typeof createMetrics>) => (await lines(metrics)).map(line => line.slice(0, line.lastIndexOf(' ')))

t.test('an upload counts as request, decision, bytes and size', async t => {
  const metrics = createMetrics()
  metrics.observe(outcome())
  metrics.observe(outcome({ decision: { action: 'block', ruleId: 'foreign', revision: 7, reasons: ['rule', 'late-fact'] }, bytesUp: 0, reasons: ['rule', 'late-fact'] }))
  const found = await lines(metrics)
  for (const line of [
    'sluice_requests_total{provider="dropbox",activity="upload",action="allow",protocol="h2"} 1',
    'sluice_requests_total{provider="dropbox",activity="upload",action="block",protocol="h2"} 1',
    'sluice_decisions_total{provider="dropbox",activity="upload",action="allow",standing="sanctioned"} 1',
    'sluice_decision_reasons_total{reason="late-fact",action="block"} 1',
    'sluice_uploaded_bytes_total{provider="dropbox",action="allow",standing="sanctioned",client="cli"} 5000000',
    'sluice_upload_size_bytes_bucket{le="1000000",provider="dropbox",action="allow"} 0',
    'sluice_upload_size_bytes_bucket{le="10000000",provider="dropbox",action="allow"} 1',
    'sluice_decision_duration_seconds_bucket{le="0.00001"} 0',
    'sluice_decision_duration_seconds_bucket{le="0.000025"} 2',
  ]) t.ok(found.includes(line), line)
  t.ok(found.includes('sluice_upload_attributions_total{provider="dropbox",standing="sanctioned",how="place",client="cli"} 2'))
  t.notOk(found.some(line => line.startsWith('sluice_uploaded_bytes_total') && line.includes('block')), 'nothing uploaded, no series')
})

t.test('an upload of several requests is sized once, bytes add up', async t => {
  const metrics = createMetrics()
  const size = { bytes: 3_000, is: 'exact' } as const
  for (const step of ['start', 'chunk', 'chunk', 'status'] as const) {
    metrics.observe(outcome({ operation: { provider: 'onedrive', activity: 'upload', step, size }, bytesUp: 1_000 }))
  }
  const found = await lines(metrics)
  t.ok(found.includes('sluice_upload_size_bytes_count{provider="onedrive",action="allow"} 1'))
  t.ok(found.includes('sluice_upload_size_bytes_sum{provider="onedrive",action="allow"} 3000'))
  t.ok(found.includes('sluice_uploaded_bytes_total{provider="onedrive",action="allow",standing="sanctioned",client="cli"} 4000'))
})

t.test('tunnels, WebSockets, leaf certificates, refusals and failures have their own counters', async t => {
  const metrics = createMetrics({ refusalCodes: ['destination.port'] })
  metrics.tunnelOpened('spliced')
  metrics.tunnelOpened('intercepted')
  metrics.tunnelOpened('refused')
  metrics.tunnelClosed()
  metrics.observe(outcome({ operation: null, attribution: null, protocol: 'tunnel', bytesUp: 10, bytesDown: 20 }))
  metrics.observe(outcome({ protocol: 'websocket', bytesUp: 3, bytesDown: 4 }))
  metrics.leafCache(() => ({ size: 9, hits: 2, misses: 1 }))
  metrics.refused('destination.port')
  metrics.refused('no-such-code')
  metrics.upstreamFailed('timeout')
  const found = await lines(metrics)
  for (const line of [
    'sluice_tunnels_open 1', 'sluice_tunnels_total{kind="refused"} 1', 'sluice_tunnels_total{kind="spliced"} 1',
    'sluice_tunnel_bytes_total{direction="up"} 10', 'sluice_tunnel_bytes_total{direction="down"} 20',
    'sluice_websocket_bytes_total{direction="up"} 3', 'sluice_websocket_bytes_total{direction="down"} 4',
    'sluice_leaf_cache_size 9', 'sluice_leaf_cache_misses_total 1', 'sluice_leaf_cache_hits_total 2',
    'sluice_refused_total{code="destination.port"} 1', 'sluice_refused_total{code="other"} 1',
    'sluice_upstream_failures_total{reason="timeout"} 1', 'sluice_upstream_failures_total{reason="name"} 0',
    'sluice_requests_total{provider="none",activity="tunnel",action="allow",protocol="tunnel"} 1',
  ]) t.ok(found.includes(line), line)
})

t.test('gauges are read when scraped', async t => {
  const metrics = createMetrics()
  let up = true
  let dropped = 2
  metrics.storeUp(() => up)
  metrics.policyRevision(() => 12)
  metrics.policyAge(() => 1.5)
  metrics.eventSinks(() => [{ type: 'file', dropped, waiting: 70, isUp: true }, { type: 'file', dropped: 1, waiting: 7, isUp: false }])
  t.ok((await lines(metrics)).includes('sluice_store_up 1'))
  up = false
  dropped = 5
  const found = await lines(metrics)
  for (const line of ['sluice_store_up 0', 'sluice_policy_revision 12', 'sluice_policy_age_seconds 1.5',
    'sluice_events_dropped_total{sink="file"} 6', 'sluice_events_waiting_bytes{sink="file"} 77', 'sluice_event_sink_up{sink="file"} 0']) t.ok(found.includes(line), line)
  const { body, contentType } = await metrics.text()
  t.match(body, /^sluice_build_info\{version="[0-9.]+",node="[0-9.]+"\} 1$/m)
  t.match(body, /^process_cpu_seconds_total /m)
  t.match(contentType, /^text\/plain/)
})

t.test('who asks for OpenMetrics gets units, and of histograms the event that fell last into each bucket', async t => {
  const metrics = createMetrics()
  metrics.observe(outcome({ id: 'BBBBBBBBBBBBBBBBBBBBBB' }))
  metrics.observe(outcome({ status: 502, durationMs: 3_000 }))
  const { contentType, body } = await metrics.text('application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1')
  t.match(contentType, /^application\/openmetrics-text; version=1\.0\.0/)
  t.ok(body.endsWith('\n# EOF\n'))
  for (const line of [
    '# TYPE sluice_uploaded_bytes counter', '# UNIT sluice_uploaded_bytes bytes',
    'sluice_uploaded_bytes_total{provider="dropbox",action="allow",standing="sanctioned",client="cli"} 10000000',
    'sluice_request_duration_seconds_bucket{le="0.25",action="allow",status="2xx"} 1 # {event_id="BBBBBBBBBBBBBBBBBBBBBB"} 0.1205 1767323045',
    'sluice_request_duration_seconds_bucket{le="5",action="allow",status="5xx"} 1 # {event_id="AAAAAAAAAAAAAAAAAAAAAA"} 3 1767323045',
    'sluice_upload_size_bytes_bucket{le="+Inf",provider="dropbox",action="allow"} 2',
  ]) t.ok(body.split('\n').includes(line), line)
  for (const accept of ['', '*/*', 'text/plain', 'text/plain, application/openmetrics-text;q=0.5', 'application/openmetrics-text;version=2.0.0']) {
    t.match((await metrics.text(accept)).contentType, /^text\/plain/, accept)
  }
  t.notMatch((await metrics.text()).body, 'event_id')
  t.match((await metrics.text()).body, /^sluice_uploaded_bytes_total\{/m, 'names stay')
})

t.test('certificates, limits and bursts are told by gauges', async t => {
  const metrics = createMetrics()
  metrics.certificates(() => new Map([['authority', new Date(5_000)], ['proxy', new Date(9_000)]]))
  metrics.limits({ connections: 10, tunnels: 8, memory: null })
  metrics.blockedUploads(() => 4)
  metrics.policyFaulty(() => true)
  const found = await lines(metrics)
  for (const line of ['sluice_certificate_expiry_timestamp_seconds{certificate="authority"} 5', 'sluice_certificate_expiry_timestamp_seconds{certificate="proxy"} 9',
    'sluice_connections_limit 10', 'sluice_tunnels_limit 8', 'sluice_blocked_uploads_of_one_user 4', 'sluice_policy_faulty 1']) t.ok(found.includes(line), line)
  t.notOk(found.some(line => line.startsWith('sluice_memory_limit_bytes')))
})

t.test('a hostile client cannot make a series', async t => {
  const metrics = createMetrics()
  const hostile = (i: number) => {
    metrics.observe(outcome({
      host: `h${i}.example`, method: `M${i}`, path: `/${i}`, id: `id${i}`,
      client: { ip: `10.0.${i >> 8}.${i & 255}`, user: `u${i}`, userAgent: `ua"\n${i}`, class: 'unknown' },
    }))
    metrics.refused(`code-${i}`)
  }
  hostile(0)
  const before = await series(metrics)
  for (let i = 1; i <= 10_000; i++) hostile(i)
  t.same(await series(metrics), before)
})

t.test('all known values together stay within the bound', async t => {
  const metrics = createMetrics()
  for (const provider of PROVIDERS) {
    for (const activity of ACTIVITIES) {
      metrics.observe(outcome({ operation: { provider, activity, step: 'single', size: { bytes: 1, is: 'exact' } } }))
    }
  }
  const count = (await series(metrics)).filter(name => name.startsWith('sluice_requests_total')).length
  t.equal(count, PROVIDERS.length * ACTIVITIES.length)
})

t.test('declared providers are labels of their own, any other is none', async t => {
  const metrics = createMetrics({ providers: [...PROVIDERS, 'custom-filedrop'] })
  for (const provider of ['custom-filedrop', 'custom-unheard-of'] as const) {
    metrics.observe(outcome({ operation: { provider, activity: 'list', step: 'single', size: { bytes: 0, is: 'exact' } } }))
  }
  const names = (await series(metrics)).filter(name => name.startsWith('sluice_requests_total'))
  t.equal(names.filter(name => name.includes('provider="custom-filedrop"')).length, 1)
  t.equal(names.filter(name => name.includes('provider="none"')).length, 1)
})
