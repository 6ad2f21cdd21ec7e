/** Runs named tests of one file in a process of its own, and tells how each of them ended. */
import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Engine } from '../engine.ts'
import { readTap } from './read-tap.ts'

/**
 * `unfinished`: the process ended within the test, or had to be ended when its time was over. `absent`: the process ended by itself
 * before the test began, so that nothing is known of it.
 */
export type NamedEnding = 'ok' | 'failed' | 'skipped' | 'unfinished' | 'absent'

/** By the names of the tests. */
export type Endings = ReadonlyMap<string, NamedEnding>

export interface NamedTests {
  /** Path from the root of the repository. */
  readonly file: string
  readonly names: readonly string[]
  /** Runs the whole file: the filter of tap knows only the tests at its top, not those within others. */
  readonly whole?: boolean
  /** Which the tests run on; without it, the one of this process. */
  readonly engine?: Engine
}

/** Runs tests within `dir` for at most `limitMs`; what they leave running is ended with them. */
export async function runNamed(dir: string, { file, names, whole = false, engine }: NamedTests, limitMs: number, signal: AbortSignal): Promise<Endings> {
  const { lines, isStuck } = await runFile(dir, file, whole ? [] : names, engine, limitMs, signal)
  return endingsOf(file, names, lines, isStuck)
}

/** How the tests ended, by the TAP that their file wrote. One that is stuck, in a loop without end say, wrote nothing of the test it is in. */
export function endingsOf(file: string, names: readonly string[], lines: readonly string[], isStuck: boolean): Endings {
  const ended = readTap([`# Subtest: ${file}`, ...lines.map(line => `    ${line}`)]).get(file)
  const begun = new Set(lines.map(line => /^\s*# Subtest: (.*)$/.exec(line)?.[1]?.replaceAll(/\\([#\\])/g, '$1')))
  return new Map(names.map(name => [name, ended?.get(name) ?? (isStuck || begun.has(name) ? 'unfinished' : 'absent')]))
}

/** Lines of TAP, and whether the process had to be ended. Without names, everything in the file runs. */
async function runFile(
  dir: string, file: string, names: readonly string[], engine: Engine | undefined, limitMs: number, signal: AbortSignal,
): Promise<{ readonly lines: readonly string[]; readonly isStuck: boolean }> {
  signal.throwIfAborted()
  const child = spawn(process.execPath, [file], {
    cwd: dir,
    // A group, so that servers that a dying test leaves behind end too.
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
    env: {
      ...process.env,
      PATH: `${dirname(process.execPath)}:${process.env.PATH ?? ''}`,
      NODE_COMPILE_CACHE: join(dir, '.compiled'),
      ...engine === undefined ? {} : { TEST_ENGINE: engine },
      TAP_TIMEOUT: String(Math.ceil(limitMs / 1_000)),
      ...names.length === 0 ? {} : { TAP_GREP: `/^(?:${names.map(name => name.replaceAll(/[^\w ]/g, '\\$&')).join('|')})$/` },
    },
  })
  const end = (): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    } catch {
      // Nothing of the group is left.
    }
  }
  // tap itself ends a test whose time is over, unless it gets no turn.
  let isStuck = false
  const timer = setTimeout(() => {
    isStuck = true
    end()
  }, limitMs + 5_000)
  signal.addEventListener('abort', end)
  // Servers that it left behind would hold its output open.
  child.on('exit', end)
  const lines: string[] = []
  for await (const line of createInterface({ input: child.stdout })) lines.push(line)
  clearTimeout(timer)
  signal.removeEventListener('abort', end)
  signal.throwIfAborted()
  return { lines, isStuck }
}
