/** Sluice as users run it: started as `npm start` does, built-in policy, metrics, events into a file, an allowlist with the own tenant. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startSluiceProcess } from '../processes.ts'
import type { SluiceOptions } from '../processes.ts'
import { TENANT } from './names.ts'
import type { Ground, Target } from './target.ts'

const TOKEN = 'slu_bench-0123456789abcdefghijklmnopqrstuvwxyz'

/** `proxy`: over that section of the configuration; `env`: besides what the process has. */
export async function startSluice(
  ground: Ground, proxy: Readonly<Record<string, unknown>> = {}, env: Readonly<Record<string, string>> = {},
): Promise<Target> {
  const { origin, options } = sluiceOptions(ground, proxy)
  const sluice = await startSluiceProcess(origin, { ...options, env: { ...options.env, ...env } })
  const answer = await fetch(`${sluice.admin}/v1/tenants/${TENANT.account}/${TENANT.id}`, {
    method: 'PUT', headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }, body: JSON.stringify({ aliases: [TENANT.directory] }),
  })
  if (!answer.ok) {
    await sluice.close()
    throw new Error(`the tenant was not taken: ${answer.status} ${await answer.text()}`)
  }
  return { pid: sluice.pid, proxyPort: Number(new URL(sluice.proxy).port), originPort: 443, ca: await readFile(sluice.caFile, 'utf8'), close: sluice.close }
}

/** What `startSluiceProcess` takes. */
export function sluiceOptions({ origin, originCaFile, hosts, dir }: Ground, proxy: Readonly<Record<string, unknown>> = {}): {
  readonly origin: Parameters<typeof startSluiceProcess>[0]
  readonly options: SluiceOptions & Required<Pick<SluiceOptions, 'config' | 'env'>>
} {
  const upstreamHosts = Object.fromEntries(hosts.map(host => [`${host}:443`, `127.0.0.1:${origin.port}`]))
  return {
    origin: { caFile: originCaFile, upstreamHosts },
    options: {
      config: { proxy: { listen: '127.0.0.1:0', drain: '0s', ...proxy }, events: { sinks: [{ type: 'file', path: join(dir, 'events.ndjson') }] } },
      env: { SLUICE_ADMIN_TOKEN: TOKEN },
    },
  }
}
