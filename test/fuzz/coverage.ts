/**
 * Which code has run, by V8's own block coverage. A run of the profiler tells only the functions that ran since the last,
 * so that a look costs a few milliseconds; the loop looks once a batch.
 */
import { Session } from 'node:inspector'

/** As `Profiler.takePreciseCoverage` tells it. */
export interface ScriptCoverage {
  readonly url: string
  readonly functions: readonly FunctionCoverage[]
}

interface FunctionCoverage {
  readonly ranges: readonly { readonly startOffset: number; readonly endOffset: number; readonly count: number }[]
}

const ROOT = new URL('../../', import.meta.url).href
export const START = { callCount: true, detailed: true } as const

/** Starts coverage of this thread. What was compiled before has no blocks: import what is to be measured afterwards. */
export function startCoverage(): () => Promise<readonly ScriptCoverage[]> {
  const session = new Session()
  session.connect()
  session.post('Profiler.enable')
  session.post('Profiler.startPreciseCoverage', START)
  return () => new Promise((resolve, reject) => {
    session.post('Profiler.takePreciseCoverage', (error, { result }) => {
      if (error === null) resolve(result)
      else reject(error)
    })
  })
}

/** What of some sources has run so far, function by function and character by character. */
export class Reached {
  /** Characters that have run, and that the functions have of which something ran. */
  characters = 0
  known = 0
  private readonly functions = new Map<string, Uint8Array>()
  /** What was seen to bring nothing new: which blocks of which function ran, in short. */
  private readonly stale = new Set<string>()
  private readonly prefixes: readonly string[]

  /** `sources`: folders and files from the root of the repository. */
  constructor(sources: readonly string[]) {
    this.prefixes = sources.map(source => ROOT + source)
  }

  /** Whether something ran that has not run before. */
  hasNew(scripts: readonly ScriptCoverage[]): boolean {
    return this.walk(scripts, false) > 0
  }

  /** Remembers what ran, and answers how many characters of it had not run before. */
  add(scripts: readonly ScriptCoverage[]): number {
    const found = this.walk(scripts, true)
    this.characters += found
    return found
  }

  private walk(scripts: readonly ScriptCoverage[], keep: boolean): number {
    let found = 0
    for (const { url, functions } of scripts) {
      if (!this.prefixes.some(prefix => url.startsWith(prefix))) continue
      for (const { ranges } of functions) {
        const [whole] = ranges
        // A block that did not run has a range of its own within its function's.
        if (whole === undefined || whole.count === 0) continue
        const key = `${url.slice(ROOT.length)}:${whole.startOffset}:${whole.endOffset}`
        const blocks = `${key}:${blocksOf(ranges)}`
        if (this.stale.has(blocks)) continue
        const ran = new Uint8Array(whole.endOffset - whole.startOffset)
        for (const { startOffset, endOffset, count } of ranges) ran.fill(count > 0 ? 1 : 0, startOffset - whole.startOffset, endOffset - whole.startOffset)
        const before = this.functions.get(key)
        let fresh = 0
        for (let i = 0; i < ran.length; i++) if (ran[i] === 1 && before?.[i] !== 1) fresh++
        found += fresh
        if (fresh === 0 || keep) this.stale.add(blocks)
        if (!keep || fresh === 0) continue
        if (before === undefined) this.known += ran.length
        for (let i = 0; before !== undefined && i < ran.length; i++) if (before[i] === 1) ran[i] = 1
        this.functions.set(key, ran)
      }
    }
    return found
  }
}

/** A hash (FNV-1a) of what ran. */
function blocksOf(ranges: FunctionCoverage['ranges']): number {
  let hash = 0x811c9dc5
  for (const { startOffset, endOffset, count } of ranges) {
    hash = Math.imul(hash ^ startOffset, 0x01000193)
    hash = Math.imul(hash ^ (count > 0 ? endOffset : -endOffset), 0x01000193)
  }
  return hash >>> 0
}
