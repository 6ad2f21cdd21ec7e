/** What a running proxy tells of itself: metrics, events, and whether anything would have ended its process. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { World } from './world.ts'

/** The sum of a metric over the series that have these labels. */
export async function metric(world: Pick<World, 'admin'>, name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
  const text = await (await fetch(`${world.admin}/metrics`)).text()
  let sum = 0
  for (const line of text.split('\n')) {
    if (!line.startsWith(`${name}{`) && !line.startsWith(`${name} `)) continue
    if (!Object.entries(labels).every(([label, value]) => line.includes(`${label}="${value}"`))) continue
    sum += Number(line.slice(line.lastIndexOf(' ') + 1))
  }
  return sum
}

export interface WrittenEvent {
  readonly '@timestamp': string
  readonly event: { readonly id: string; readonly action: string; readonly outcome: string; readonly duration: number }
  readonly destination: { readonly domain: string }
  readonly url: { readonly path?: string }
  readonly http: { readonly version?: string; readonly request: { readonly method: string } }
  readonly source: { readonly ip: string; readonly bytes: number }
  readonly user?: { readonly name?: string; readonly roles?: readonly string[] }
  readonly rule: { readonly id?: string }
  readonly file?: { readonly name?: string; readonly size?: number }
  readonly sluice: {
    readonly action: string
    readonly reasons: readonly string[]
    readonly cut: boolean
    readonly decision_us: number
    readonly client_class: string
    readonly operation?: { readonly provider: string; readonly activity: string; readonly step: string; readonly size: { readonly bytes: number } }
  }
}

/** The events of what ended by now: sinks gather for a moment what is written together. */
export async function events(world: Pick<World, 'dir'>): Promise<WrittenEvent[]> {
  await sleep(40)
  // The file comes with the first event.
  const text = await readFile(join(world.dir, 'events.ndjson'), 'utf8').catch(() => '')
  // The last line may be half written.
  return text.split('\n').slice(0, -1).map((line) => JSON.parse(line) as WrittenEvent)
}

/** Waits until `probe` holds; answers whether it came to hold. */
export async function eventually(probe: () => boolean | Promise<boolean>, timeoutMs = 5_000): Promise<boolean> {
  const until = Date.now() + timeoutMs
  while (Date.now() < until) {
    if (await probe()) return true
    await sleep(20)
  }
  return probe()
}

/** Collects what would have ended the process, until the test ends. In a proxy, none of it may happen. */
export function watchProcess(t: { teardown(done: () => void): void }): string[] {
  const faults: string[] = []
  const note = (error: unknown): void => { faults.push(error instanceof Error ? error.stack ?? error.message : String(error)) }
  process.on('uncaughtException', note)
  process.on('unhandledRejection', note)
  t.teardown(() => {
    process.off('uncaughtException', note)
    process.off('unhandledRejection', note)
  })
  return faults
}
