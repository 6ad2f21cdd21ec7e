/** A Sluice process that tells its coverage and memory, before the stand-in providers; whatever else it dials, nobody answers. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { START } from '../bench/processes.ts'
import { announcedIn } from '../e2e/node-process.ts'
import { configFor } from '../e2e/world.ts'
import { startOrigin } from '../origin/origin.ts'
import type { Origin } from '../origin/origin.ts'
import type { Asked, Told } from './measured-child.ts'

export interface MeasuredSluice {
  readonly origin: Origin
  readonly proxy: string
  readonly admin: string
  readonly caFile: string
  /** What it said on stderr since this was called last. */
  readonly said: () => string
  readonly hasEnded: () => boolean
  readonly ask: <A extends Asked>(asked: A) => Promise<Told[A]>
  readonly putPolicy: (policy: unknown) => Promise<void>
  readonly close: () => Promise<void>
}

const START_MS = 60_000
const TOKEN = 'a-token-of-the-fuzzers-own-sluice'
const CLI = fileURLToPath(new URL('../../proxy/cli.ts', import.meta.url))

export async function startMeasured(): Promise<MeasuredSluice> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-fuzz-'))
  const origin = await startOrigin()
  const nobody = await startNobody()
  const config = join(dir, 'sluice.yaml')
  const { upstream, ...rest } = configFor(dir, origin, {})
  // All names that are not the stand-ins' go to a parent that refuses them: nothing leaves the machine.
  await writeFile(config, JSON.stringify({ ...rest, upstream: { ...upstream as object, parent: nobody.url } }))
  const child = spawn(process.execPath, [...START.flags, '--import', new URL('measured-child.ts', import.meta.url).href, CLI, 'start', '--config', config], {
    cwd: dir, stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { PATH: process.env.PATH ?? '/usr/bin:/bin', HOME: dir, SLUICE_ADMIN_TOKEN: TOKEN, SLUICE_LOG: 'error' },
  })
  let said = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => { said += text })
  const close = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    }
    nobody.close()
    await origin.close()
    await rm(dir, { recursive: true, force: true })
  }
  try {
    const { proxy, admin, caFile } = await announced(child, () => said)
    let queue: Promise<unknown> = Promise.resolve()
    return {
      origin, proxy, admin, caFile, close,
      said: () => {
        const text = said
        said = ''
        return text
      },
      hasEnded: () => child.exitCode !== null || child.signalCode !== null,
      ask: (asked) => {
        // One question at a time: an answer does not say what it answers.
        const answer = queue.then(() => answered(child, asked))
        queue = answer.catch(() => undefined)
        return answer
      },
      async putPolicy(policy) {
        const headers = { authorization: `Bearer ${TOKEN}` }
        const { headers: { etag = '' } } = await got(`${admin}/v1/policy`, headers)
        const answer = await fetch(`${admin}/v1/policy`, {
          method: 'PUT', body: JSON.stringify(policy), headers: { ...headers, 'content-type': 'application/json', 'if-match': etag },
        })
        if (!answer.ok) throw new Error(`PUT /v1/policy: ${answer.status} ${await answer.text()}`)
      },
    }
  } catch (error) {
    await close()
    throw error
  }
}

async function got(url: string, headers: Readonly<Record<string, string>>): Promise<{ headers: Record<string, string> }> {
  const answer = await fetch(url, { headers })
  await answer.text()
  return { headers: Object.fromEntries(answer.headers) }
}

async function answered<A extends Asked>(child: ChildProcess, asked: A): Promise<Told[A]> {
  if (!child.connected) throw new Error('Sluice has ended')
  const answer = once(child, 'message', { signal: AbortSignal.timeout(START_MS) })
  child.send(asked)
  const [told] = await answer as [Told[A]]
  return told
}

function announced(child: ChildProcess, said: () => string): Promise<{ proxy: string; admin: string; caFile: string }> {
  return new Promise((resolve, reject) => {
    let out = ''
    const timer = setTimeout(() => reject(new Error(`Sluice did not start: ${out}${said()}`)), START_MS)
    child.once('exit', code => reject(new Error(`Sluice ended with code ${code ?? 'none'}: ${out}${said()}`)))
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      out += text
      const where = announcedIn(out)
      if (where === null) return
      clearTimeout(timer)
      resolve(where)
    })
  })
}

/** A parent proxy that knows nobody. */
async function startNobody(): Promise<{ url: string; close: () => void }> {
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => socket.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as net.AddressInfo
  return { url: `http://127.0.0.1:${port}`, close: () => void server.close() }
}
