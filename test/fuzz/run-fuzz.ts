/** The command as people run it, in a process of its own: with V8's compile cache, code would come without its blocks. */
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface Ran {
  readonly code: number | null
  readonly said: string
}

/** Finds go to a directory that is gone afterwards; what failed is in what was said. */
export async function runFuzz(...arguments_: readonly string[]): Promise<Ran> {
  const out = await mkdtemp(join(tmpdir(), 'sluice-fuzz-'))
  const { NODE_COMPILE_CACHE: _, ...env } = process.env
  const child = spawn(process.execPath, [fileURLToPath(new URL('fuzz.ts', import.meta.url)), '--out', out, ...arguments_], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => { said += text })
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  await rm(out, { recursive: true, force: true })
  return { code, said }
}
