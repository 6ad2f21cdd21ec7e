#!/usr/bin/env -S MALLOC_ARENA_MAX=1 node --max-semi-space-size=2 --heap-growing-percent=50
/** The command line's first file: what has to hold before anything else is loaded. `cli/run.ts` reads verbs and flags. */
import './runtime.ts'
import type { Io } from './cli/context.ts'
import { keepCompiled } from './keep-compiled.ts'

/** Runs one command; `args` without node and script. Resolves the exit code, never rejects. */
export async function main(args: readonly string[], io?: Io): Promise<number> {
  // Not before: what is loaded with this file is compiled anew each time.
  const { run } = await import('./cli/run.ts')
  return run(args, io)
}

if (import.meta.main) {
  keepCompiled()
  // `sluice providers | head`: who reads no more is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit()
  })
  process.exitCode = await main(process.argv.slice(2))
  // Whatever a closed proxy left open must not keep the process; output still in the pipe gets its moment.
  setTimeout(() => process.exit(), 1_000).unref()
}
