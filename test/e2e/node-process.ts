/** Sluice as a process of its own, started as an admin would: `sluice start --config FILE`. */
import { spawn } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Origin } from '../origin/origin.ts'
import { configFor } from './world.ts'
import type { Configuration } from './world.ts'

const START_DEADLINE_MS = 20_000
const CLI = new URL('../../proxy/cli.ts', import.meta.url).pathname

export interface NodeProcess {
  /** Where its events are. */
  readonly dir: string
  readonly pid: number
  readonly proxy: string
  readonly caFile: string
  readonly api: (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Response>
  /** Replaces the policy, and resolves with the answer. */
  readonly putPolicy: (policy: unknown) => Promise<Response>
  /** Asks it to end; resolves with the exit code, null after a signal. */
  readonly end: () => Promise<number | null>
  /** Ends it at once, if it still runs. */
  readonly kill: () => void
  /** What it said on stderr. */
  readonly said: () => string
}

/** Resolves when the process has announced itself; rejects with what it said instead. `dir` is made where it is not there. */
export async function startNode(dir: string, origin: Origin, storeUrl: string, token: string, config: Configuration = {}, env: Readonly<Record<string, string>> = {}): Promise<NodeProcess> {
  await mkdir(dir, { recursive: true })
  const file = join(dir, 'sluice.yaml')
  await writeFile(file, JSON.stringify(configFor(dir, origin, { store: { url: storeUrl }, ...config })))
  const child = spawn(process.execPath, [CLI, 'start', '--config', file], {
    cwd: dir, stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH ?? '/usr/bin:/bin', HOME: dir, SLUICE_ADMIN_TOKEN: token, ...env },
  })
  let out = ''
  let err = ''
  child.stderr.on('data', (chunk: Buffer) => { err += chunk.toString('utf8') })
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const kill = (): void => void child.kill('SIGKILL')
  const announced = new Promise<{ proxy: string; admin: string; caFile: string }>((resolve, reject) => {
    const fail = (why: string): void => {
      clearTimeout(timer)
      kill()
      reject(new Error(`the node ${why}: ${out}${err}`))
    }
    const timer = setTimeout(() => fail(`said nothing for ${START_DEADLINE_MS} ms`), START_DEADLINE_MS)
    child.once('error', (error) => fail(error.message))
    ended.then((code) => fail(`ended with code ${code}`), fail)
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString('utf8')
      const where = announcedIn(out)
      if (where === null) return
      clearTimeout(timer)
      resolve(where)
    })
  })
  const { proxy, admin, caFile } = await announced
  const api: NodeProcess['api'] = (method, path, body, headers = {}) => fetch(admin + path, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return {
    dir, pid: child.pid ?? 0, proxy, caFile, api, kill,
    said: () => err,
    async putPolicy(policy) {
      const { headers } = await api('GET', '/v1/policy')
      return api('PUT', '/v1/policy', policy, { 'if-match': headers.get('etag') ?? '' })
    },
    end() {
      child.kill('SIGTERM')
      return ended
    },
  }
}

/** What a start prints once it is over: where the proxy and the admin API are, and the CA; null: it has not said all yet. */
export function announcedIn(out: string): { proxy: string; admin: string; caFile: string } | null {
  const proxy = /Proxy +(http:\S+)/.exec(out)?.[1]
  const admin = /Admin API +(http:\S+)/.exec(out)?.[1]
  const caFile = /CA +(\S+)/.exec(out)?.[1]
  return proxy === undefined || admin === undefined || caFile === undefined || !out.endsWith('\n') ? null : { proxy, admin, caFile }
}
