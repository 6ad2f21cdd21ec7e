/**
 * What recognition costs, over the recorded requests of `test/corpus/` and `recorded-rclone.jsonl` (all providers that a
 * recorded client speaks to), as a ratio to parsing the same request's address with `new URL`: `npm run bench:recognise`.
 * Limits: 3 for a request to cloud storage, 1 for any other.
 */
import { makeCatalogue } from '../../policy/providers/catalogue.ts'
import { builtin } from '../../policy/providers/index.ts'
import type { RequestHead } from '../../policy/providers/provider.ts'
import { webdavLike } from '../../policy/providers/webdav.ts'
import { rcloneRecordings, recordings } from '../policy/providers/recording.ts'

const SAMPLES = 25
/** Runs before anything is measured: a server runs what the compiler has optimised, which takes seconds to come about. */
const WARM_UP = 150
const LIMITS = { storage: 3, other: 1 }

/** The built-in providers, with hosts for WebDAV, which has none of its own. */
const catalogue = makeCatalogue([...builtin, webdavLike({
  id: 'webdav', account: 'webdav', domains: ['example'],
  hosts: [{ pattern: 'dav.example', role: 'storage' }, { pattern: 'cloud.example', role: 'storage' }],
})])

interface Request {
  readonly head: RequestHead
  readonly url: string
}

/** What consumes results, so that nothing measured can be left out. */
let consumed = 0

function parse({ url }: Request): void {
  consumed += new URL(url).pathname.length
}

function recognise({ head }: Request): void {
  consumed += catalogue.find(head.host, head.path)?.module.recognise(head).peek ?? 1
}

interface Cost {
  /** Nanoseconds a request. */
  readonly url: number
  readonly own: number
  readonly ratio: number
}

/** Both are timed in turn, so that a busy machine slows both; the medians are kept. */
function measure(requests: readonly Request[]): Cost {
  const rounds = Math.ceil(10_000 / requests.length)
  const time = (work: (request: Request) => void): number => {
    const started = process.hrtime.bigint()
    for (let i = 0; i < rounds; i++) for (const request of requests) work(request)
    return Number(process.hrtime.bigint() - started) / rounds / requests.length
  }
  const sample = (): Cost => {
    const url = time(parse)
    const own = time(recognise)
    return { url, own, ratio: own / url }
  }
  for (let i = 0; i < WARM_UP; i++) sample()
  const samples = Array.from({ length: SAMPLES }, sample)
  return { url: median(samples.map(({ url }) => url)), own: median(samples.map(({ own }) => own)), ratio: median(samples.map(({ ratio }) => ratio)) }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}

function withUrl(head: RequestHead): Request {
  return { head, url: `https://${head.host}${head.path}${head.query === '' ? '' : `?${head.query}`}` }
}

function line(name: string, requests: readonly Request[], limit?: number): void {
  const { url, own, ratio } = measure(requests)
  const verdict = limit === undefined ? '' : ratio <= limit ? `  within ${limit}` : `  above ${limit}`
  const cells = [name.padEnd(34), String(requests.length).padStart(8), url.toFixed(0).padStart(8), own.toFixed(0).padStart(10)]
  console.log(`${cells.join('')}${ratio.toFixed(2).padStart(7)}${verdict}`)
}

const storage = [...recordings(), ...rcloneRecordings()].map(({ head }) => withUrl(head))
const OTHER_HOSTS = ['www.example.com', 'mail.google.com', 'registry.npmjs.org', 'a.b.c.cdn.example.net', 'ec2.eu-west-1.amazonaws.com']
const other = storage.map(({ head }, i) => withUrl({ ...head, host: OTHER_HOSTS[i % OTHER_HOSTS.length] ?? 'www.example.com' }))

const rows = catalogue.modules.reduce((count, { endpoints = [] }) => count + endpoints.length, 0)
console.log(`${catalogue.modules.length} modules, ${catalogue.patterns.length} host patterns, ${rows} endpoints; nanoseconds a request\n`)
console.log(`${'requests'.padEnd(34)}${'count'.padStart(8)}${'new URL'.padStart(8)}${'recognise'.padStart(10)}${'ratio'.padStart(7)}`)
line('cloud storage', storage, LIMITS.storage)
line('not cloud storage', other, LIMITS.other)
console.log('')
for (const [host, requests] of Map.groupBy(storage, ({ head }) => head.host)) line(host, requests)
if (consumed === 0) throw new Error('nothing was measured')
