/** Sluice as users run it: started as `npm start` does, default policy, metrics, events into a file, an allowlist with the own tenant. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startSluiceProcess } from '../processes.ts'
import { TENANT } from './names.ts'
import type { Ground, Target } from './target.ts'

const TOKEN = 'slu_bench-0123456789abcdefghijklmnopqrstuvwxyz'

/** `proxy`: over that section of the configuration. */
export async function startSluice({ origin, originCaFile, hosts, dir }: Ground, proxy: Readonly<Record<string, unknown>> = {}): Promise<Target> {
  const upstreamHosts = Object.fromEntries(hosts.map(host => [`${host}:443`, `127.0.0.1:${origin.port}`]))
  const sluice = await startSluiceProcess({ caFile: originCaFile, upstreamHosts }, {
    config: { proxy: { listen: '127.0.0.1:0', drain: '0s', ...proxy }, events: { sinks: [{ type: 'file', path: join(dir, 'events.ndjson') }] } },
    env: { SLUICE_ADMIN_TOKEN: TOKEN },
  })
  const answer = await fetch(`${sluice.admin}/v1/tenants/${TENANT.account}/${TENANT.id}`, {
    method: 'PUT', headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }, body: '{}',
  })
  if (!answer.ok) {
    await sluice.close()
    throw new Error(`the tenant was not taken: ${answer.status} ${await answer.text()}`)
  }
  return { pid: sluice.pid, proxyPort: Number(new URL(sluice.proxy).port), originPort: 443, ca: await readFile(sluice.caFile, 'utf8'), close: sluice.close }
}
