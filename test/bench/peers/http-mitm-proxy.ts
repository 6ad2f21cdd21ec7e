/** http-mitm-proxy as it is published, in a process of its own. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort, startProgram } from './target.ts'
import type { Ground, Target } from './target.ts'

export async function startHttpMitmProxy({ origin, originCaFile, dir }: Ground): Promise<Target> {
  const port = await freePort()
  const file = fileURLToPath(new URL('http-mitm-proxy-process.ts', import.meta.url))
  const program = await startProgram(process.execPath, [file, String(port), dir, originCaFile], dir, port)
  return { ...program, proxyPort: port, originPort: origin.port, ca: await readFile(join(dir, 'certs', 'ca.pem'), 'utf8') }
}
