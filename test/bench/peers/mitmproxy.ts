/** mitmproxy of Debian, as mitmdump: nothing printed, nothing kept, bodies passed on as they come. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort, startProgram } from './target.ts'
import type { Ground, Target } from './target.ts'

export const MITMDUMP = '/usr/bin/mitmdump'

export async function startMitmproxy({ origin, originCaFile, dir }: Ground): Promise<Target> {
  const port = await freePort()
  // Its only way to be told where hosts are.
  const addon = join(dir, 'origin.py')
  await writeFile(addon, `def server_connect(data):\n    data.server.address = ("127.0.0.1", ${origin.port})\n`)
  const program = await startProgram(MITMDUMP, [
    '--quiet', '--listen-host', '127.0.0.1', '--listen-port', String(port), '--scripts', addon, '--set', `confdir=${dir}`, '--set', 'flow_detail=0',
    '--set', 'stream_large_bodies=64k', '--set', `ssl_verify_upstream_trusted_ca=${originCaFile}`,
  ], dir, port)
  return { ...program, proxyPort: port, originPort: 443, ca: await readFile(join(dir, 'mitmproxy-ca-cert.pem'), 'utf8') }
}
