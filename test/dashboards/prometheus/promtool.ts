/** Debian's promtool, which comes with Prometheus. */
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { existsSync } from 'node:fs'

const PROGRAM = '/usr/bin/promtool'

/** False where Prometheus is there; else why not, for tap's `skip`. */
export function noPrometheus(): string | false {
  return existsSync(PROGRAM) ? false : 'prometheus is not installed (Debian: apt-get install prometheus)'
}

/** Resolves with its status and all that it said. */
export async function promtool(args: readonly string[], { input = '', cwd }: { readonly input?: string; readonly cwd?: URL } = {}): Promise<{ readonly status: number | null; readonly said: string }> {
  const child = spawn(PROGRAM, args, { cwd })
  child.stdin.end(input)
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)])
  return { status: await ended, said: out + err }
}
