/** Everything an end-to-end test stands on: the stand-in providers, and Sluice in this process before them. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import type { Logger } from 'pino'
import { loadConfig } from '../../proxy/config.ts'
import { startSluice } from '../../proxy/main.ts'
import type { Running } from '../../proxy/main.ts'
import { ENGINE, WORKERS } from '../engine.ts'
import { startOrigin } from '../origin/origin.ts'
import type { Origin } from '../origin/origin.ts'

export interface World {
  readonly origin: Origin
  readonly sluice: Running
  /** `http://127.0.0.1:port` of the proxy. */
  readonly proxy: string
  readonly admin: string
  readonly token: string
  /** The CA that clients trust. */
  readonly caFile: string
  readonly dir: string
  /** Calls the admin API. */
  readonly api: (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Response>
  /** Replaces the policy. */
  readonly setPolicy: (policy: unknown) => Promise<void>
  readonly close: () => Promise<void>
}

export type Configuration = Record<string, Record<string, unknown> | string>

export interface WorldOptions {
  /** Merged over the configuration by section. */
  readonly config?: Configuration | ((origin: Origin) => Configuration)
  readonly origin?: Parameters<typeof startOrigin>[0]
  /** A level, or where lines go. */
  readonly log?: string | Logger
  /** Another Sluice than this one. */
  readonly start?: typeof startSluice
}

export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-e2e-'))
  const origin = await startOrigin(options.origin)
  const file = join(dir, 'sluice.yaml')
  const { config = {} } = options
  await writeFile(file, JSON.stringify(configFor(dir, origin, typeof config === 'function' ? config(origin) : config)))
  const { log = 'silent' } = options
  const sluice = await (options.start ?? startSluice)(loadConfig({ file, env: {} }), typeof log === 'string' ? pino({ level: log }) : log)
  const proxy = `http://${sluice.addresses.proxy[0] ?? ''}`
  const admin = `http://${sluice.addresses.admin}`
  const token = sluice.newToken ?? ''
  const api: World['api'] = (method, path, body, headers = {}) => fetch(admin + path, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return {
    origin, sluice, proxy, admin, token, caFile: sluice.caFile, dir, api,
    async setPolicy(policy) {
      const { headers } = await api('GET', '/v1/policy')
      const answer = await api('PUT', '/v1/policy', policy, { 'if-match': headers.get('etag') ?? '' })
      if (!answer.ok) throw new Error(`PUT /v1/policy: ${answer.status} ${await answer.text()}`)
    },
    async close() {
      await sluice.close()
      await origin.close()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

export function configFor(dir: string, origin: Origin, over: Configuration): Record<string, unknown> {
  const base: Record<string, Record<string, unknown>> = {
    proxy: { listen: '127.0.0.1:0', drain: '0s', engine: ENGINE, workers: WORKERS },
    upstream: { hosts: origin.upstreamHosts(), ca: [origin.caFile] },
    store: { url: `embedded:${join(dir, 'store')}` },
    admin: { listen: '127.0.0.1:0' },
    certs: { dir: join(dir, 'ca') },
    events: { sinks: [{ type: 'file', path: join(dir, 'events.ndjson') }] },
  }
  const out: Record<string, unknown> = { ...base }
  for (const [section, values] of Object.entries(over)) out[section] = typeof values === 'string' ? values : { ...base[section], ...values }
  return out
}
