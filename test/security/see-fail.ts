/**
 * Shows that the tests of a requirement watch its defence: they pass in a scratch copy, and fail there once the defence is
 * switched off by the patches of `mutations/`.
 */
import type { Requirement } from './checklist.ts'
import type { Engine } from '../engine.ts'
import { engineOf } from './mutations/mutation.ts'
import type { Edit, Mutation } from './mutations/mutation.ts'
import { runNamed } from './run-named.ts'
import type { Endings, NamedEnding, NamedTests } from './run-named.ts'
import { makeScratchCopy, PatchError } from './scratch-copy.ts'
import type { ScratchCopy } from './scratch-copy.ts'

export interface SeenTest {
  readonly file: string
  readonly name: string
  /** How it ended with the defence. */
  readonly plain: NamedEnding
  /** How it ended without: under the patch that it did worst under. */
  readonly mutated: NamedEnding
}

export interface Seen {
  readonly tests: readonly SeenTest[]
  /** There are patches, and each made the tests fail that it is expected to. */
  readonly isSeen: boolean
  /** By patch, what did not fail although it should have. */
  readonly passed: readonly string[]
}

/** Runs tests of one file while the edits are made. */
type Run = (tests: NamedTests, edits: readonly Edit[], limitMs: number) => Promise<Endings>

/** Tries these requirements, `jobs` at a time, each in a copy of `root` of its own; `tell` hears of each at its end. */
export async function seeFail(
  root: string, requirements: readonly Requirement[], mutations: readonly Mutation[], jobs: number, signal: AbortSignal,
  tell: (id: string, seen: Seen, ms: number) => void,
): Promise<ReadonlyMap<string, Seen>> {
  const found = new Map<string, Seen>()
  const left = [...requirements]
  const plainRuns: PlainRuns = new Map()
  await Promise.all(Array.from({ length: Math.min(jobs, left.length) }, async () => {
    const copy = makeScratchCopy(root)
    try {
      for (let next = left.shift(); next !== undefined; next = left.shift()) {
        const { id } = next
        const started = performance.now()
        const seen = await seeOne(next, mutations.filter(mutation => mutation.id === id), runIn(copy, signal), plainRuns)
        found.set(id, seen)
        tell(id, seen, performance.now() - started)
      }
    } finally {
      copy.close()
    }
  }))
  return found
}

function runIn(copy: ScratchCopy, signal: AbortSignal): Run {
  return (tests, edits, limitMs) => copy.during(edits, () => runNamed(copy.dir, tests, limitMs, signal))
}

const PLAIN_LIMIT_MS = 360_000
/** Without its defence a test often waits for what does not come: it gets three times what it took with it. */
const limitFor = (plainMs: number): number => Math.max(45_000, 3 * plainMs)

interface PlainRun {
  readonly endings: Endings
  readonly whole: boolean
  readonly limitMs: number
}

/** Many requirements name the same tests: how those end is found out once. */
type PlainRuns = Map<string, Promise<PlainRun>>

async function runPlain(engine: Engine, file: string, names: readonly string[], run: Run): Promise<PlainRun> {
  const started = performance.now()
  let whole = false
  let endings = await run({ file, names, whole, engine }, [], PLAIN_LIMIT_MS)
  if ([...endings.values()].includes('absent')) {
    whole = true
    endings = await run({ file, names, whole, engine }, [], PLAIN_LIMIT_MS)
  }
  return { endings, whole, limitMs: limitFor(performance.now() - started) }
}

/** Runs the tests of a requirement as they are, then under each of the patches, on the engine of each. */
async function seeOne(requirement: Requirement, mutations: readonly Mutation[], run: Run, plainRuns: PlainRuns): Promise<Seen> {
  const byEngine = [...Map.groupBy(mutations, engineOf)]
  if (byEngine.length === 0) byEngine.push(['relay', []])
  const seen = new Map<string, SeenTest>()
  const passed: string[] = []
  for (const [engine, own] of byEngine) {
    const files = await runUnpatched(engine, requirement, run, plainRuns)
    const plain: Endings = new Map(files.flatMap(({ file, names, endings }) => names.map(name => [`${file} ${name}`, endings.get(name) ?? 'absent'])))
    for (const { file, name } of requirement.tests) {
      const key = `${file} ${name}`
      const before = seen.get(key) ?? { file, name, plain: 'absent', mutated: 'absent' }
      seen.set(key, { ...before, plain: worse(before.plain, plain.get(key) ?? 'absent') })
    }
    for (const mutation of own) {
      const failed = new Set<string>()
      const found = await runWithout(mutation, files, run)
      for (const [key, mutated] of found ?? []) {
        const test = seen.get(key)
        if (test === undefined) continue
        seen.set(key, { ...test, mutated: worse(test.mutated, mutated) })
        // What fails anyway shows nothing.
        if (plain.get(key) === 'ok' && isFailure(mutated)) failed.add(test.name)
      }
      const wanted = found === null ? ['it is not for the code as it is'] : mutation.expect ?? (failed.size > 0 ? [] : ['each of its tests'])
      for (const name of wanted) {
        if (!failed.has(name)) passed.push(mutations.length > 1 ? `patch ${mutations.indexOf(mutation) + 1}, on the ${engine}: ${name}` : name)
      }
    }
  }
  return { tests: [...seen.values()], isSeen: mutations.length > 0 && passed.length === 0, passed }
}

interface Unpatched extends NamedTests {
  readonly endings: Endings
  readonly limitMs: number
}

/** How the tests of a requirement end as they are, by file. */
async function runUnpatched(engine: Engine, { tests }: Requirement, run: Run, plainRuns: PlainRuns): Promise<readonly Unpatched[]> {
  const files: Unpatched[] = []
  for (const [file, named] of Map.groupBy(tests, test => test.file)) {
    const names = named.map(({ name }) => name)
    const key = [engine, file, ...names].join('\n')
    const plain = plainRuns.get(key) ?? runPlain(engine, file, names, run)
    plainRuns.set(key, plain)
    files.push({ file, names, engine, ...await plain })
  }
  return files
}

/** How the tests end under a patch, by file and name; null where the patch does not apply. */
async function runWithout({ edits, expect }: Mutation, files: readonly Unpatched[], run: Run): Promise<Endings | null> {
  const found = new Map<string, NamedEnding>()
  try {
    for (const { limitMs, ...tests } of files) {
      if (expect !== undefined && !tests.names.some(name => expect.includes(name))) continue
      for (const [name, ending] of await run(tests, edits, limitMs)) found.set(`${tests.file} ${name}`, ending)
    }
    return found
  } catch (error) {
    if (error instanceof PatchError) return null
    throw error
  }
}

/** A test that never began, as in a file that cannot even be loaded, has seen nothing. */
export function isFailure(ending: NamedEnding): boolean {
  return ending === 'failed' || ending === 'unfinished'
}

const BADNESS: readonly NamedEnding[] = ['absent', 'skipped', 'ok', 'unfinished', 'failed']

function worse(one: NamedEnding, other: NamedEnding): NamedEnding {
  return BADNESS.indexOf(one) > BADNESS.indexOf(other) ? one : other
}
