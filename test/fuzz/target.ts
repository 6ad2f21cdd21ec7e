/** What is fuzzed, and how: one file a target in `targets/`, which exports it as `target`. */
import type { ScriptCoverage } from './coverage.ts'

export interface Target {
  /** Its file's name and its seeds'. */
  readonly name: string
  /** Folders and files whose coverage leads, from the root of the repository. */
  readonly sources: readonly string[]
  /** Texts that mean something to it, in Latin-1. */
  readonly dictionary: readonly string[]
  /** Bytes that an input has at most. */
  readonly maxLength: number
  /** Bytes by which its memory may have grown at the end of a run; 32 MiB where it is left out. */
  readonly mayGrow?: number
  /** Constructs what inputs are given to. Called once a run. */
  readonly open: () => Promise<Opened>
}

export interface Opened {
  /** Inputs that are sound, made or recorded elsewhere: what mutation begins with beside the kept seeds. */
  readonly starts: readonly Buffer[]
  /** Takes one input. Throws where something does not hold that has to, whatever the input. */
  readonly run: (bytes: Buffer) => void | Promise<void>
  /** Checks what only shows after some inputs; called after each batch. Throws as `run` does. */
  readonly settle?: () => Promise<void>
  /** Coverage of another process, in place of this one's. */
  readonly coverage?: () => Promise<readonly ScriptCoverage[]>
  /** Bytes that are in use after a collection of garbage, in place of this thread's heap. */
  readonly memory?: () => Promise<number>
  /** One line that is printed at the end of a run: what was counted besides. */
  readonly summary?: () => string
  readonly close?: () => Promise<void>
}

/** A promise of the target that an input has broken. */
export class Broken extends Error {
  override readonly name: string = 'Broken'
}

/** After this nothing more can be tried. */
export class Over extends Broken {}

/** Throws `Broken` with `what` unless `holds`. */
export function hold(holds: boolean, what: string | (() => string)): asserts holds {
  if (!holds) throw new Broken(typeof what === 'string' ? what : what())
}
