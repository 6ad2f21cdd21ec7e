/** What Sluice wrote into the events file of a world. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Action, Activity, ClientClass, How, Provider, Reason, Size, Standing, Step } from '../../policy/operation.ts'
import { until } from '../policy/store/wait.ts'
import { curl } from './curl.ts'
import type { World } from './world.ts'

const MARKER = 'event-marker-'

/** One line of the file, as far as tests read it. */
export interface Recorded {
  readonly '@timestamp': string
  readonly ecs: { readonly version: string }
  readonly event: { readonly id: string; readonly action: Activity; readonly outcome: string; readonly reason?: string }
  readonly source: { readonly ip: string }
  readonly url: { readonly domain: string; readonly path?: string }
  readonly http: {
    readonly version?: string
    readonly request: { readonly method: string; readonly body: { readonly bytes: number } }
    readonly response?: { readonly status_code: number }
  }
  readonly user_agent: { readonly original: string }
  readonly rule: { readonly id?: string; readonly version: string }
  readonly file?: { readonly name?: string | readonly string[] }
  readonly sluice: {
    readonly action: Action
    readonly reasons: readonly Reason[]
    readonly revision: number
    readonly cut: boolean
    readonly client_class: ClientClass
    readonly noted?: readonly string[]
    readonly monitored?: ReadonlyArray<{ readonly rule: string; readonly action: Action }>
    readonly operation?: { readonly provider: Provider; readonly activity: Activity; readonly step: Step; readonly size: Size }
    readonly tenant?: { readonly account: string; readonly id: string | null; readonly standing: Standing; readonly how: How }
  }
}

async function readEvents(world: { readonly dir: string }): Promise<readonly Recorded[]> {
  let text = ''
  try {
    text = await readFile(join(world.dir, 'events.ndjson'), 'utf8')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
  }
  // The last line may be half written.
  return text.split('\n').slice(0, -1).map((line): Recorded => JSON.parse(line))
}

let markers = 0

/**
 * The events of all requests that are over, markers left out: one more request is made and its event waited for,
 * because the file is written a moment after the answer.
 */
export async function eventsSoFar(world: Pick<World, 'dir' | 'proxy' | 'caFile'>): Promise<readonly Recorded[]> {
  const path = `/drive/v3/files/${MARKER}${++markers}`
  await curl([`https://www.googleapis.com${path}`], world)
  let events: readonly Recorded[] = []
  await until(`the event of ${path}`, async () => {
    events = await readEvents(world)
    return events.some((event) => event.url.path === path)
  })
  return events.filter((event) => event.url.path?.includes(MARKER) !== true)
}
