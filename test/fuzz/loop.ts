/** The loop: mutate what has reached new code before, run it, keep what reaches more. The same seed tries the same inputs. */
import { setTimeout as sleep } from 'node:timers/promises'
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Reached } from './coverage.ts'
import type { ScriptCoverage } from './coverage.ts'
import { mutate } from './mutate.ts'
import { pick, randomFrom } from './random.ts'
import { MAX_SEEDS } from './seeds.ts'
import { Broken, Over } from './target.ts'
import type { Opened, Target } from './target.ts'

export interface LoopOptions {
  readonly seed: number
  readonly seconds: number
  /** End at the first failure. */
  readonly first: boolean
  readonly seeds: readonly Buffer[]
  /** Told of each input before it is run, so that one that never comes back is known. */
  readonly before: (bytes: Buffer) => void
  /** Told when it has come back. */
  readonly after: () => void
  readonly coverage: () => Promise<readonly ScriptCoverage[]>
  /** What the process was warned of since it was asked last. */
  readonly warnings: () => readonly string[]
}

export interface Failure {
  /** One, or all of a batch after which something did not hold. */
  readonly inputs: readonly Buffer[]
  readonly message: string
}

export interface Outcome {
  readonly inputs: number
  /** Characters of the sources that ran, and that the functions have of which something ran. */
  readonly reached: number
  readonly known: number
  /** Those that reach everything that was reached, the shortest first. */
  readonly corpus: readonly Buffer[]
  /** How many of them this run found. */
  readonly finds: number
  /** One of each kind. */
  readonly failures: readonly Failure[]
  /** Milliseconds of the slowest input. */
  readonly slowest: number
  /** Bytes in use at the end beyond those after the warm-up, what the loop itself keeps not counted. */
  readonly growth: number
}

const BATCH = { least: 32, most: 512 }
const MAX_CORPUS = 16 << 20
const MAX_FAILURES = 20
const TRIMS = 8
/** What is compiled, cached and tiered up fills for as long. */
const WARM_UP = 0.25

export async function fuzz(target: Target, opened: Opened, options: LoopOptions): Promise<Outcome> {
  const { seed, seconds, first, seeds, before, after, warnings } = options
  const coverage = opened.coverage ?? options.coverage
  const random = randomFrom(seed)
  const reached = new Reached(target.sources)
  const failures = new Map<string, Failure>()
  const corpus: Buffer[] = []
  let kept = 0
  let inputs = 0
  let finds = 0
  let slowest = 0
  let over = false

  const fail = (bad: readonly Buffer[], error: unknown): void => {
    const message = error instanceof Error ? error.stack ?? error.message : String(error)
    const kind = kindOf(message)
    if (failures.size < MAX_FAILURES && !failures.has(kind)) failures.set(kind, { inputs: bad, message })
  }
  const run = async (bytes: Buffer): Promise<void> => {
    inputs++
    before(bytes)
    const started = performance.now()
    try {
      const answer = opened.run(bytes)
      if (answer !== undefined) await answer
      const [warning] = warnings()
      if (warning !== undefined) throw new Broken(`a warning: ${warning}`)
    } catch (error) {
      fail([bytes], error)
    }
    slowest = Math.max(slowest, performance.now() - started)
    after()
  }
  const settle = async (batch: readonly Buffer[]): Promise<void> => {
    try {
      await opened.settle?.()
    } catch (error) {
      fail(batch, error)
      if (error instanceof Over) over = true
    }
  }
  const keep = (bytes: Buffer): void => {
    if (kept + bytes.length > MAX_CORPUS) return
    kept += bytes.length
    corpus.push(bytes)
  }
  const reaches = async (bytes: Buffer): Promise<boolean> => {
    await run(bytes)
    return reached.hasNew(await coverage())
  }
  /** Finds those of a batch that reach something new, with few looks: most batches hold one. */
  const isolate = async (batch: readonly Buffer[]): Promise<void> => {
    for (const bytes of batch) await run(bytes)
    const [only] = batch
    const ran = await coverage()
    if (only === undefined || !reached.hasNew(ran)) return
    if (batch.length > 1) {
      await isolate(batch.slice(0, batch.length >> 1))
      await isolate(batch.slice(batch.length >> 1))
      return
    }
    const short = await trim(only, reaches)
    keep(short)
    finds++
    await run(short)
    reached.add(await coverage())
    reached.add(ran)
  }

  for (const bytes of [...seeds, ...opened.starts]) {
    if (bytes.length > target.maxLength) continue
    await run(bytes)
    if (reached.add(await coverage()) > 0 || corpus.length === 0) keep(bytes)
  }
  await settle(corpus)

  const started = performance.now()
  const until = started + seconds * 1000
  const warm = started + seconds * 1000 * WARM_UP
  let base = -1
  let size = BATCH.least
  while (!over && performance.now() < until && !(first && failures.size > 0)) {
    if (base < 0 && performance.now() >= warm) base = await memory(opened) - kept
    const batch: Buffer[] = []
    for (let i = 0; i < size; i++) {
      // Every other time one of the latest: they are what is new.
      const from = random(2) === 0 ? corpus[corpus.length - 1 - random(Math.min(corpus.length, 32))] : pick(random, corpus)
      batch.push(mutate(from ?? Buffer.alloc(0), random, target.dictionary, pick(random, corpus) ?? Buffer.alloc(0), target.maxLength))
    }
    for (const bytes of batch) await run(bytes)
    await settle(batch)
    if (over) break
    const ran = await coverage()
    if (!reached.hasNew(ran)) {
      size = Math.min(size * 2, BATCH.most)
      continue
    }
    size = BATCH.least
    await isolate(batch)
    // What does not happen a second time is no lead.
    reached.add(ran)
    // Timers and sockets of the targets have their turn too.
    await sleep(0)
  }
  const growth = base < 0 || over ? 0 : await memory(opened) - kept - base
  return { inputs, reached: reached.characters, known: reached.known, corpus, finds, failures: [...failures.values()], slowest, growth }
}

/** The beginning of the message without its numbers, and the nearest line of ours. */
function kindOf(message: string): string {
  return message.replace(/[0-9]+/g, '#').slice(0, 40) + (/\n\s+at .*?(?<!target\.ts.*)\b([\w-]+\.ts:\d+)/.exec(message)?.[1] ?? '')
}

/** The shortest found in a few tries that still reaches something new. */
async function trim(bytes: Buffer, reaches: (bytes: Buffer) => Promise<boolean>): Promise<Buffer> {
  let short = bytes
  let tries = 0
  for (let piece = bytes.length >> 1; piece > 0 && tries < TRIMS; piece >>= 1) {
    for (let at = 0; at < short.length && tries < TRIMS; tries++) {
      const less = Buffer.concat([short.subarray(0, at), short.subarray(at + piece)])
      if (await reaches(less)) short = less
      else at += piece
    }
  }
  return short
}

/** The few inputs that together reach what all do, the shortest first, within what is kept of a target. */
export async function distil(target: Target, opened: Opened, inputs: readonly Buffer[], coverage: LoopOptions['coverage']): Promise<Buffer[]> {
  const reached = new Reached(target.sources)
  const chosen: Buffer[] = []
  let bytes = 0
  for (const input of inputs.toSorted((a, b) => a.length - b.length)) {
    if (bytes + input.length > MAX_SEEDS) continue
    await opened.run(input)
    if (reached.add(await (opened.coverage ?? coverage)()) === 0) continue
    chosen.push(input)
    bytes += input.length
  }
  return chosen
}

setFlagsFromString('--expose-gc')
const collectGarbage: unknown = runInNewContext('gc')

async function memory(opened: Opened): Promise<number> {
  if (opened.memory !== undefined) return opened.memory()
  // What finalisers free comes with the turns after.
  for (let i = 0; i < 3; i++) {
    if (typeof collectGarbage === 'function') collectGarbage()
    await sleep(1)
  }
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics()
  return heap + external
}
