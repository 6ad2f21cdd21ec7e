/** An origin of two hosts, one over TLS and one over plain HTTP, whose answers have header fields that are easily lost. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import http from 'node:http'
import https from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeTestCa } from '../origin/ca.ts'
import { portOf } from '../origin/control.ts'

/** In the catalogue, so that Sluice opens it. */
export const ODD_HOST = 'content.dropboxapi.com'
export const PLAIN_HOST = 'plain.example'

export interface OddOrigin {
  /** For `upstream.hosts`. */
  readonly hosts: Readonly<Record<string, string>>
  readonly caFile: string
  /** What arrived, in order: `method target`, the names of the fields, and the body. */
  readonly seen: ReadonlyArray<{ readonly line: string; readonly host: string; readonly fields: readonly string[]; readonly body: string }>
  readonly close: () => Promise<void>
}

export async function startOddOrigin(): Promise<OddOrigin> {
  const ca = makeTestCa()
  const dir = await mkdtemp(join(tmpdir(), 'sluice-odd-'))
  const caFile = join(dir, 'ca.pem')
  await writeFile(caFile, ca.pem)
  const seen: Array<{ line: string; host: string; fields: string[]; body: string }> = []
  const answer = (request: http.IncomingMessage, response: http.ServerResponse): void => {
    const parts: Buffer[] = []
    request.on('data', (chunk: Buffer) => parts.push(chunk))
    request.on('end', () => {
      seen.push({
        line: `${request.method ?? ''} ${request.url ?? ''}`,
        host: request.headers.host ?? '',
        fields: Object.keys(request.headers),
        body: Buffer.concat(parts).toString('utf8'),
      })
      response.writeHead(200, [
        'Content-Type', 'text/plain',
        'Set-Cookie', 'one=1; Path=/',
        'Set-Cookie', 'two=2; Path=/',
        'Alt-Svc', 'h3=":443"; ma=86400',
        'X-Repeated', 'a',
        'X-Repeated', 'b',
        ...request.method === 'HEAD' ? [] : ['Trailer', 'X-Checksum'],
      ])
      response.write('odd\n')
      if (request.method !== 'HEAD') response.addTrailers({ 'X-Checksum': 'c0ffee' })
      response.end()
    })
  }
  const plain = http.createServer(answer)
  const secure = https.createServer({ SNICallback: (name, done) => done(null, ca.contextFor(name)) }, answer)
  for (const server of [plain, secure]) {
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  }
  return {
    hosts: {
      [`${PLAIN_HOST}:80`]: `127.0.0.1:${portOf(plain.address())}`,
      [`${ODD_HOST}:443`]: `127.0.0.1:${portOf(secure.address())}`,
    },
    caFile,
    seen,
    close: async () => {
      for (const server of [plain, secure]) {
        const closed = new Promise<void>((resolve) => server.close(() => resolve()))
        server.closeAllConnections()
        await closed
      }
      await rm(dir, { recursive: true, force: true })
    },
  }
}
