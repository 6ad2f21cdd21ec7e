/** How long Sluice takes from its start to the answer to its first request, with an authority that is there already. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createSecureContext } from 'node:tls'
import { startSluiceProcess } from '../processes.ts'
import { Connection, headOf } from './client.ts'
import { API_HOST, API_PATH } from './names.ts'
import { sluiceOptions } from './sluice.ts'
import type { Ground } from './target.ts'

/** Seconds, of the second start: the first makes the authority, and what Node keeps of compiled code. */
export async function startTime(ground: Ground): Promise<number> {
  await startAndAsk(ground)
  return startAndAsk(ground)
}

async function startAndAsk(ground: Ground): Promise<number> {
  const { origin, options } = sluiceOptions(ground)
  const ca = join(ground.dir, 'ca')
  const began = performance.now()
  const sluice = await startSluiceProcess(origin, { ...options, config: { ...options.config, certs: { dir: ca } } })
  try {
    const context = createSecureContext({ ca: await readFile(join(ca, 'ca.crt'), 'utf8') })
    const way = { proxyPort: Number(new URL(sluice.proxy).port), originPort: 443, context }
    const connection = await Connection.open(way, API_HOST)
    const { status } = await connection.ask(headOf(way, 'GET', API_HOST, API_PATH))
    if (status !== 200) throw new Error(`the first request was answered with ${status}`)
    connection.close()
    return (performance.now() - began) / 1000
  } finally {
    await sluice.close()
  }
}
