/** Debian's Prometheus on a free loopback port, which scrapes each second, for the test that started it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../../bench/peers/target.ts'

const PROGRAM = '/usr/bin/prometheus'
const READY_DEADLINE_MS = 20_000

export interface Series {
  readonly metric: Readonly<Record<string, string>>
  /** Time in seconds, and the value as text. */
  readonly value: readonly [number, string]
}

export interface PrometheusServer {
  /** `/api/v1/<path>`: its `data`. Rejects with what Prometheus says is wrong. */
  api<T>(path: string): Promise<T>
  /** An instant query that gives a vector. */
  query(expr: string): Promise<readonly Series[]>
  close(): Promise<void>
}

export interface PrometheusOptions {
  /** Of the test: for configuration and samples. */
  readonly dir: string
  /** `host:port` whose `/metrics` is scraped as `job="sluice"`. */
  readonly targets: readonly string[]
  /** Texts of rule files by name. */
  readonly rules?: Readonly<Record<string, string>>
}

/** Rejects with its log where it does not become ready. */
export async function startPrometheus({ dir, targets, rules = {} }: PrometheusOptions): Promise<PrometheusServer> {
  await mkdir(dir, { recursive: true })
  for (const [name, text] of Object.entries(rules)) await writeFile(join(dir, name), text)
  const file = join(dir, 'prometheus.yml')
  await writeFile(file, JSON.stringify({
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: Object.keys(rules),
    scrape_configs: [{ job_name: 'sluice', static_configs: [{ targets }] }],
  }))
  const port = await freePort()
  const child = spawn(PROGRAM, [
    `--config.file=${file}`, `--storage.tsdb.path=${join(dir, 'data')}`, `--web.listen-address=127.0.0.1:${port}`,
    '--enable-feature=exemplar-storage', '--log.level=warn',
  ], { stdio: ['ignore', 'ignore', 'pipe'] })
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => { log += text })
  const url = `http://127.0.0.1:${port}`
  const close = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
  const until = Date.now() + READY_DEADLINE_MS
  while (!(await fetch(`${url}/-/ready`).then(({ ok }) => ok, () => false))) {
    if (child.exitCode !== null || Date.now() > until) {
      await close()
      throw new Error(`prometheus did not start: ${log}`)
    }
    await sleep(100)
  }
  const api = async <T>(path: string): Promise<T> => {
    const answer = await (await fetch(`${url}/api/v1/${path}`)).json() as { status: string; error?: string; data: T }
    if (answer.status !== 'success') throw new Error(`${path}: ${answer.error ?? ''}`)
    return answer.data
  }
  return {
    api, close,
    query: async (expr) => (await api<{ result: readonly Series[] }>(`query?query=${encodeURIComponent(expr)}`)).result,
  }
}
