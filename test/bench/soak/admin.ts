/** Who runs the proxy during a soak: edits policy and tenants, reads events and metrics, sends SIGHUP. */
import { setTimeout as sleep } from 'node:timers/promises'
import { allowContoso } from '../../e2e/tenant-world.ts'
import type { SluiceProcess } from '../processes.ts'
import { parseMetrics } from './metrics-text.ts'
import type { MetricsText } from './metrics-text.ts'
import { policyOf } from './policy.ts'

const EVERY_MS = 5_000
/** No connection of its own is to be taken for one that was left open. */
const CLOSE = { connection: 'close' }
const RELOAD_EVERY = 12

export class Admin {
  /** Whether the revisions from this one on block what is `flip-`, oldest first. */
  readonly revisions: { readonly from: number; readonly blocks: boolean }[] = []
  /** What went wrong with an edit. */
  readonly faults: string[] = []
  edits = 0
  #sluice: SluiceProcess
  #token: string
  #blocks = false

  constructor(sluice: SluiceProcess, token: string) {
    this.#sluice = sluice
    this.#token = token
  }

  readonly api = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(this.#sluice.admin + path, {
      method,
      headers: { ...CLOSE, authorization: `Bearer ${this.#token}`, ...body !== undefined && { 'content-type': 'application/json' }, ...headers },
      ...body !== undefined && { body: JSON.stringify(body) },
    })

  /** The first policy and the organisation's own tenants. */
  async prepare(): Promise<void> {
    await allowContoso({ api: this.api })
    await this.#putPolicy()
  }

  async metrics(): Promise<MetricsText> {
    return parseMetrics(await (await fetch(`${this.#sluice.admin}/metrics`, { headers: CLOSE })).text())
  }

  /** Edits now and then, until the signal. */
  async work(signal: AbortSignal): Promise<void> {
    for (let n = 0; !signal.aborted; n++) {
      try {
        await this.#edit(n)
        this.edits++
      } catch (error) {
        this.faults.push(`edit ${n}: ${error instanceof Error ? error.message : String(error)}`)
      }
      await sleep(EVERY_MS, undefined, { signal }).catch(() => undefined)
    }
  }

  async #edit(n: number): Promise<void> {
    if (n % RELOAD_EVERY === RELOAD_EVERY - 1) process.kill(this.#sluice.pid, 'SIGHUP')
    const tenant = `/v1/tenants/box/${7_000_000 + n % 50}`
    switch (n % 4) {
      case 0:
        this.#blocks = !this.#blocks
        return this.#putPolicy()
      case 1: return this.#expect(this.api('PUT', tenant, { name: `Partner ${n}` }))
      case 2: return this.#expect(this.api('GET', '/v1/events?limit=50&since=1h&action=block'))
      default:
        await this.#expect(this.api('GET', '/v1/usage?by=user&over=1h'))
        return this.#expect(this.api('DELETE', `/v1/tenants/box/${7_000_000 + (n - 2) % 50}`))
    }
  }

  async #putPolicy(): Promise<void> {
    const { headers } = await this.api('GET', '/v1/policy')
    const answer = await this.api('PUT', '/v1/policy', policyOf(this.#blocks), { 'if-match': headers.get('etag') ?? '' })
    if (!answer.ok) throw new Error(`PUT /v1/policy: ${answer.status} ${await answer.text()}`)
    await answer.arrayBuffer()
    this.revisions.push({ from: Number(answer.headers.get('etag')?.replaceAll('"', '')), blocks: this.#blocks })
  }

  async #expect(answering: Promise<Response>): Promise<void> {
    const answer = await answering
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${answer.status} ${text.slice(0, 200)}`)
  }
}
