/** Sluice's own questions to the outside, for what its configuration names: verified TLS, bounded in time and size. */
import http from 'node:http'
import type { Duplex } from 'node:stream'
import type { GetJson } from '../policy/admin/oidc-keys.ts'
import { readJson } from '../policy/providers/json.ts'
import { isLocal, isSafeUrl } from './config-values.ts'
import { formatHostPort, stripBrackets } from './host-port.ts'
import { readTrust, secure } from './origin-tls.ts'
import type { TrustFiles } from './origin-tls.ts'
import { connectThroughParent } from './parent.ts'
import { connectOne } from './upstream.ts'
import type { UpstreamOptions } from './upstream.ts'

/** For the whole of a question. */
const TIMEOUT_MS = 5_000
/** Far above any key set. */
const ANSWER_MAX = 1 << 20

/**
 * Follows no redirect, and goes through the parent proxy where there is one. The networks that clients may not reach are
 * no matter here: what is asked stands in the configuration, or in the answer of what does.
 */
export function createGetJson({ hosts, parent, via, ...files }: Pick<UpstreamOptions, 'hosts' | 'parent' | 'via'> & TrustFiles): GetJson {
  const trust = readTrust(files)

  async function dial(url: URL): Promise<Duplex> {
    const host = stripBrackets(url.hostname)
    const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port)
    const fixed = hosts.get(formatHostPort(host, port))
    const socket = fixed !== undefined ? await connectOne(fixed.address, fixed.port, TIMEOUT_MS)
      : parent === null || isLocal(url) ? await connectOne(host, port, TIMEOUT_MS)
        : await connectThroughParent(parent, host, port, TIMEOUT_MS, via)
    return url.protocol === 'https:' ? secure(socket, host, trust) : socket
  }

  return async (address) => {
    if (!isSafeUrl(address)) throw new Error('its address is not https')
    const url = new URL(address)
    const socket = await dial(url)
    try {
      const value = readJson(await read(url, socket))
      if (value === undefined) throw new Error(`${url.host} did not answer in JSON`)
      return value
    } finally {
      socket.destroy()
    }
  }
}

function read(url: URL, socket: Duplex): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = http.request({
      createConnection: () => socket, path: `${url.pathname}${url.search}`, signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: { host: url.host, accept: 'application/json', 'accept-encoding': 'identity', connection: 'close' },
    }, (response) => {
      const parts: Buffer[] = []
      let length = 0
      response.once('error', reject)
      if (response.statusCode !== 200) {
        reject(new Error(`${url.host} answered ${response.statusCode ?? 0}`))
        return
      }
      response.on('data', (chunk: Buffer) => {
        length += chunk.length
        if (length > ANSWER_MAX) reject(new Error(`${url.host} answered more than ${ANSWER_MAX >> 20} MiB`))
        else parts.push(chunk)
      })
      response.once('end', () => resolve(Buffer.concat(parts).toString('utf8')))
    })
    request.once('error', reject)
    request.end()
  })
}
