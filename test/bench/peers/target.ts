/** A proxy to be measured, running, and how such programs are started. */
import { spawn } from 'node:child_process'
import type { ChildProcess, StdioOptions } from 'node:child_process'
import { once } from 'node:events'
import { open, readFile } from 'node:fs/promises'
import net from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ENVIRONMENT } from '../processes.ts'
import type { BenchOrigin } from './origin-process.ts'

export interface Target {
  /** The process whose tree is measured. */
  readonly pid: number
  readonly proxyPort: number
  /** The port that CONNECT names: 443 where the proxy is told where the hosts are, else the origin's own. */
  readonly originPort: number
  /** Whom a client must believe, PEM. */
  readonly ca: string
  close(): Promise<void>
}

/** What a proxy is started with. */
export interface Ground {
  readonly origin: BenchOrigin
  /** The origin's root in a file. */
  readonly originCaFile: string
  /** Every host that clients will name. */
  readonly hosts: readonly string[]
  /** Its own, empty. */
  readonly dir: string
}

const START_MS = 60_000

/** Starts a program that listens on a port, and waits until it does; its last words are in the error where it ends instead. */
export async function startProgram(program: string, args: readonly string[], dir: string, port: number): Promise<Pick<Target, 'pid' | 'close'>> {
  const said = await open(join(dir, 'said.txt'), 'w')
  const stdio: StdioOptions = ['ignore', said.fd, said.fd]
  const child = spawn(program, args, { cwd: dir, env: { ...ENVIRONMENT, HOME: dir }, stdio })
  // Heard from the first turn on: it may end before anything else is done.
  const failed = once(child, 'exit').then(async ([code]) => {
    const last = (await readFile(join(dir, 'said.txt'), 'utf8')).trimEnd().slice(-500)
    throw new Error(`${program} ended with ${String(code)}: ${last}`)
  })
  failed.catch(() => undefined) // once it listens, whoever asks it sees it gone
  await said.close()
  try {
    await Promise.race([listening(port, program, () => child.exitCode !== null), failed])
    if (child.exitCode !== null) await failed
  } catch (error) {
    await end(child)
    throw error
  }
  return { pid: child.pid ?? 0, close: () => end(child) }
}

async function listening(port: number, program: string, isGone: () => boolean): Promise<void> {
  const until = performance.now() + START_MS
  while (performance.now() < until && !isGone()) {
    const socket = net.connect(port, '127.0.0.1')
    const isThere = await new Promise<boolean>(resolve => socket.once('connect', () => resolve(true)).once('error', () => resolve(false)))
    socket.destroy()
    if (isThere) return
    await sleep(50)
  }
  // Its last words say why.
  if (isGone()) return
  throw new Error(`${program} does not listen after ${START_MS / 1000} s`)
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  // Who waits for his clients has none any more.
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000)
  await gone
  clearTimeout(timer)
}

/** Of programs that cannot be told to take any. */
export async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
