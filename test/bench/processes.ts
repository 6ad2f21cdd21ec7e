/** The stand-in providers and Sluice, each as a process of its own, so that one's memory is not the other's. */
import { fork, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import packageJson from '../../package.json' with { type: 'json' }
import { ENGINE } from '../engine.ts'
import type { Behaviour } from '../origin/behaviour.ts'
import type { StoredFile } from '../origin/stand-in.ts'
import type { OriginAddress } from './origin-process.ts'

export interface OriginProcess extends OriginAddress {
  behave(behaviour: Behaviour | null): Promise<void>
  stored(): Promise<readonly StoredFile[]>
  close(): Promise<void>
}

export interface SluiceProcess {
  readonly pid: number
  /** `http://127.0.0.1:port`. */
  readonly proxy: string
  /** The same of the admin API. */
  readonly admin: string
  /** The CA that clients trust. */
  readonly caFile: string
  /** Rejects when the process ends before `close` asks it to. */
  readonly ended: Promise<never>
  close(): Promise<void>
}

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const START_MS = 90_000
/** Nothing of the caller's settings reaches the children. */
export const ENVIRONMENT = { PATH: process.env.PATH ?? '/usr/bin:/bin', TMPDIR: tmpdir() }

/** The start script, `NAME=value … node --flags … proxy/cli.ts start`: what users run with is what is to be measured. */
export const START = readStart(packageJson.scripts.start)

export async function startOriginProcess(): Promise<OriginProcess> {
  const child = fork(join(ROOT, 'test/bench/origin-process.ts'), { env: ENVIRONMENT, execArgv: [] })
  const [address] = await once(child, 'message', { signal: AbortSignal.timeout(START_MS) }) as [OriginAddress]
  return {
    ...address,
    behave: async behaviour => {
      const answer = await fetch(`${address.controlUrl}/behave`, { method: 'POST', body: JSON.stringify(behaviour) })
      if (!answer.ok) throw new Error(`the stand-in refuses the behaviour: ${await answer.text()}`)
    },
    stored: async () => await (await fetch(`${address.controlUrl}/stored`)).json() as StoredFile[],
    close: async () => {
      const gone = once(child, 'exit')
      child.disconnect()
      await gone
    },
  }
}

export interface SluiceOptions {
  /** Merged over the configuration by section. */
  readonly config?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly env?: Readonly<Record<string, string>>
  /** Takes what it logs; by default that is inherited, from warnings on. */
  readonly logFile?: FileHandle
}

/** Starts Sluice as `npm start` does, on free ports and in a directory of its own, before these providers. */
export async function startSluiceProcess(
  origin: Pick<OriginAddress, 'caFile' | 'upstreamHosts'>, { config: over = {}, env = {}, logFile }: SluiceOptions = {},
): Promise<SluiceProcess> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-bench-'))
  const config = join(dir, 'sluice.yaml')
  const base: Record<string, Readonly<Record<string, unknown>>> = {
    proxy: { listen: '127.0.0.1:0', drain: '0s', engine: ENGINE },
    upstream: { hosts: origin.upstreamHosts, ca: [origin.caFile] },
    store: { url: `embedded:${join(dir, 'store')}` },
    admin: { listen: '127.0.0.1:0' },
    certs: { dir: join(dir, 'ca') },
    events: { sinks: [] },
  }
  for (const [section, values] of Object.entries(over)) base[section] = { ...base[section], ...values }
  await writeFile(config, JSON.stringify(base))
  const child = spawn(process.execPath, [...START.flags, ...START.command, '--config', config], {
    cwd: ROOT, env: { ...ENVIRONMENT, ...START.env, ...logFile === undefined && { SLUICE_LOG: 'warn' }, ...env },
    stdio: ['ignore', 'pipe', logFile?.fd ?? 'inherit'],
  })
  let closing = false
  const ended = new Promise<never>((_, reject) => child.once('exit', (code, signal) => {
    if (!closing) reject(new Error(`Sluice ended by itself: ${signal ?? `code ${code ?? 'none'}`}`))
  }))
  ended.catch(() => undefined) // whoever waits for something else may not wait for this
  const close = async (): Promise<void> => {
    closing = true
    if (child.exitCode === null && child.signalCode === null) {
      const gone = once(child, 'exit')
      child.kill('SIGTERM')
      await gone
    }
    await rm(dir, { recursive: true, force: true })
  }
  try {
    const { proxy, admin } = await Promise.race([announced(child), ended])
    return { pid: child.pid ?? 0, proxy, admin, caFile: join(dir, 'ca', 'ca.crt'), ended, close }
  } catch (error) {
    await close()
    throw error
  }
}


interface Start {
  readonly env: Readonly<Record<string, string>>
  readonly flags: readonly string[]
  readonly command: readonly string[]
}

function readStart(script: string): Start {
  const words = script.split(' ')
  const program = words.indexOf('node')
  const command = words.findIndex((word, n) => n > program && !word.startsWith('-'))
  const env = words.slice(0, program).map(word => word.split('='))
  if (program < 0 || command < 0 || env.some(pair => pair.length !== 2)) throw new Error(`the start script is ${script}, and this bench expects variables, node, flags and a file`)
  return { env: Object.fromEntries(env) as Record<string, string>, flags: words.slice(program + 1, command), command: words.slice(command) }
}

/** The addresses, as the start announces them. */
function announced(child: ChildProcess): Promise<{ readonly proxy: string; readonly admin: string }> {
  return new Promise((resolve, reject) => {
    let said = ''
    const timer = setTimeout(() => reject(new Error(`Sluice did not start within ${START_MS / 1000} s: ${said}`)), START_MS)
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      said += text
      const proxy = /Proxy +(http:\/\/\S+)/.exec(said)?.[1]
      const admin = /Admin API +(http:\/\/\S+)\s/.exec(said)?.[1]
      if (proxy === undefined || admin === undefined) return
      clearTimeout(timer)
      resolve({ proxy, admin })
    })
    child.once('error', reject)
    child.once('exit', () => clearTimeout(timer))
  })
}
