/** Google's token host and Microsoft's sign-in, over TLS and over plain HTTP, which answer whatever a test has them answer. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import http from 'node:http'
import https from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeTestCa } from '../origin/ca.ts'
import { portOf } from '../origin/control.ts'

export const TOKEN_HOST = 'oauth2.googleapis.com'
export const KEY_HOST = 'login.microsoftonline.com'

export interface Teacher {
  /** For `upstream.hosts`. */
  readonly hosts: Readonly<Record<string, string>>
  readonly caFile: string
  /** How it answers from now on. */
  answer: (response: http.ServerResponse) => void
  readonly close: () => Promise<void>
}

export async function startTeacher(): Promise<Teacher> {
  const ca = makeTestCa()
  const dir = await mkdtemp(join(tmpdir(), 'sluice-teacher-'))
  const caFile = join(dir, 'ca.pem')
  await writeFile(caFile, ca.pem)
  const handle = (request: http.IncomingMessage, response: http.ServerResponse): void => {
    request.resume().once('end', () => teacher.answer(response))
  }
  const plain = http.createServer(handle)
  const secure = https.createServer({ SNICallback: (name, done) => done(null, ca.contextFor(name)) }, handle)
  for (const server of [plain, secure]) {
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  }
  const teacher: Teacher = {
    hosts: Object.fromEntries([TOKEN_HOST, KEY_HOST].flatMap((host) => [
      [`${host}:80`, `127.0.0.1:${portOf(plain.address())}`], [`${host}:443`, `127.0.0.1:${portOf(secure.address())}`],
    ])),
    caFile,
    answer: (response) => response.end(),
    close: async () => {
      for (const server of [plain, secure]) {
        const closed = new Promise<void>((resolve) => server.close(() => resolve()))
        server.closeAllConnections()
        await closed
      }
      await rm(dir, { recursive: true, force: true })
    },
  }
  return teacher
}
