/**
 * Metrics as text, in the two forms that Prometheus reads: its own (0.0.4), and OpenMetrics 1.0, which has units and
 * exemplars. `prom-client` writes both as well, but its OpenMetrics renames the counters for good.
 */

import { readWeighted } from '../policy/quality-values.ts'

/** The last event that fell into a bucket of a histogram. */
export interface Exemplar {
  readonly labelSet: { readonly event_id: string }
  readonly value: number
  /** Seconds since the epoch. */
  readonly timestamp: number
}

export interface Sample {
  readonly value: number
  readonly labels: Readonly<Partial<Record<string, string | number>>>
  /** Left out: the family's. */
  readonly metricName?: string
  /** Null: `prom-client` had none. */
  readonly exemplar?: Exemplar | null
}

/** One metric, as `Registry.getMetricsAsJSON` gives it. */
export interface Family {
  readonly name: string
  readonly help: string
  /** `counter`, `gauge`, `histogram`, `summary`. */
  readonly type: unknown
  readonly aggregator?: string
  readonly values: readonly Sample[]
}

export interface Exposition {
  readonly contentType: string
  readonly body: string
}

const PLAIN_TYPE = 'text/plain; version=0.0.4; charset=utf-8'
const OPEN_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8'
/** With which a name says its unit. */
const UNIT = /_(bytes|seconds)$/

/** `accept`: what the client's `Accept` says; the plain form where it does not prefer the other. */
export function expose(families: readonly Family[], accept: string): Exposition {
  if (prefersOpen(accept)) return { contentType: OPEN_TYPE, body: `${families.map(openFamily).join('')}# EOF\n` }
  return { contentType: PLAIN_TYPE, body: families.map(plainFamily).join('\n') }
}

/** RFC 9110 §12.5.1, as far as scrapers use it. */
function prefersOpen(accept: string): boolean {
  let open = 0
  let plain = 0
  for (const { value, parameters, weight } of readWeighted(accept)) {
    const version = parameters.find((parameter) => parameter.startsWith('version='))
    if (value === 'application/openmetrics-text' && (version === undefined || version === 'version=1.0.0')) open = Math.max(open, weight)
    if (value === 'text/plain') plain = Math.max(plain, weight)
  }
  return open > 0 && open >= plain
}

function plainFamily({ name, help, type, values }: Family): string {
  const head = `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${String(type)}\n`
  return head + values.map((sample) => `${sample.metricName ?? name}${labelsOf(sample.labels)} ${numberOf(sample.value)}\n`).join('')
}

function openFamily({ name, help, type, values }: Family): string {
  const family = type === 'counter' ? name.replace(/_total$/, '') : name
  const unit = UNIT.exec(family)?.[1]
  const head = `# HELP ${family} ${escapeLabel(help)}\n# TYPE ${family} ${String(type)}\n${unit === undefined ? '' : `# UNIT ${family} ${unit}\n`}`
  return head + values.map((sample) => {
    const sampled = sample.metricName ?? (type === 'counter' ? `${family}_total` : family)
    return `${sampled}${labelsOf(sample.labels)} ${numberOf(sample.value)}${exemplarOf(sample.exemplar)}\n`
  }).join('')
}

function exemplarOf(exemplar: Sample['exemplar']): string {
  return exemplar == null ? '' : ` # ${labelsOf(exemplar.labelSet)} ${numberOf(exemplar.value)} ${exemplar.timestamp}`
}

function labelsOf(labels: Sample['labels']): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}="${escapeLabel(String(value))}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function numberOf(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf'
  return String(value)
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"')
}
