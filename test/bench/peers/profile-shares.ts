/** Whose work a processor profile shows: the stages that both engines share, or the engine that carries bytes. */

/** What is used of V8's `.cpuprofile`; times in microseconds of the monotonic clock. */
export interface Profile {
  readonly startTime: number
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string }
    readonly children?: readonly number[]
  }[]
  readonly samples: readonly number[]
  /** Before each sample. */
  readonly timeDeltas: readonly number[]
}

/** Microseconds. What the collector takes is counted with neither: it cannot be told for whom. */
export interface Shares {
  readonly stages: number
  readonly engine: number
  readonly collector: number
}

/**
 * Policy, recognition, tenant (what answers teach included), metrics and events; the reading of heads and the way of the bytes are the engine's.
 * Whatever such a function calls counts with it: hashes, JSON, files.
 */
const STAGES = /\/(?:policy|dashboards)\/|\/proxy\/(?:stages\/|judge-|record|learn-|read-answer|tenant-finder|ask-tenant|open-events|open-tenants|restrict-|intercepts|first-token|people\/)/
const NOBODYS = new Set(['(idle)', '(program)'])

/** From the moment `from` on, of the clock that the profile has. */
export function sharesOf({ startTime, nodes, samples, timeDeltas }: Profile, from: number): Shares {
  const byId = new Map(nodes.map(node => [node.id, node]))
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map(child => [child, id] as const)))
  const known = new Map<number, keyof Shares | null>()
  const whose = (id: number): keyof Shares | null => {
    const found = known.get(id)
    if (found !== undefined) return found
    const { functionName = '', url = '' } = byId.get(id)?.callFrame ?? {}
    const parent = parents.get(id)
    const answer = NOBODYS.has(functionName) ? null
      : functionName === '(garbage collector)' ? 'collector'
        : STAGES.test(url) ? 'stages'
          : parent === undefined ? 'engine' : whose(parent)
    known.set(id, answer)
    return answer
  }
  const shares = { stages: 0, engine: 0, collector: 0 }
  let at = startTime
  samples.forEach((id, n) => {
    at += timeDeltas[n] ?? 0
    // A sample lasts until the next.
    const share = at < from ? null : whose(id)
    if (share !== null) shares[share] += timeDeltas[n + 1] ?? 0
  })
  return shares
}
