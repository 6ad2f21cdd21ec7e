/** What a patch that switches a defence off is made of; the patches are in the files beside this one, by area. */
import type { Engine } from '../../engine.ts'

export interface Edit {
  /** Path from the root of the repository. */
  readonly file: string
  /** Text that is there exactly once. */
  readonly find: string
  readonly replace: string
}

export interface Mutation {
  /** Of the requirement in the checklist. Where several guards keep it, each may have a patch of its own. */
  readonly id: string
  /** All of them at once: where one guard stands behind another, both have to go. */
  readonly edits: readonly Edit[]
  /** Those of the requirement's tests that must fail, each; without it, one of them must. */
  readonly expect?: readonly string[]
  /** The engine whose defence it is, where its files do not say so. */
  readonly engine?: Engine
}

/** What only the pipeline comes through, where HTTP/1.1 in tunnels is concerned. */
const OF_PIPELINE: ReadonlySet<string> = new Set(['pipeline', 'mitm', 'respond', 'http1-connection', 'server-limits'].map(name => `proxy/${name}.ts`))

/** The engine that the tests run on under a patch: the default one, unless that does not come through what is patched. */
export function engineOf({ engine, edits }: Mutation): Engine {
  return engine ?? (edits.some(({ file }) => OF_PIPELINE.has(file)) ? 'pipeline' : 'relay')
}

/** For what both engines come through, but the defence is one's alone. */
export function on(engine: Engine, mutation: Mutation): Mutation {
  return { ...mutation, engine }
}

/** A patch of a single place. */
export function patch(id: string, file: string, find: string, replace: string, ...expect: readonly string[]): Mutation {
  return patches(id, [{ file, find, replace }], ...expect)
}

/** A patch of several places. */
export function patches(id: string, edits: readonly Edit[], ...expect: readonly string[]): Mutation {
  return { id, edits, ...expect.length === 0 ? {} : { expect } }
}

/** Places in one file. */
export function within(file: string, ...places: readonly (readonly [find: string, replace: string])[]): readonly Edit[] {
  return places.map(([find, replace]) => ({ file, find, replace }))
}

/** `text` with the edit made, or null where what it looks for is not there exactly once. */
export function edited(text: string, { find, replace }: Edit): string | null {
  const at = text.indexOf(find)
  if (find === '' || at === -1 || text.includes(find, at + 1)) return null
  return text.slice(0, at) + replace + text.slice(at + find.length)
}
