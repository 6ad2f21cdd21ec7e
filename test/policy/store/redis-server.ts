/** A real redis-server on a free loopback port, for the tests that started it. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const PROGRAM = '/usr/bin/redis-server'
const START_ATTEMPTS = 20
const READY_DEADLINE_MS = 10_000

export interface RedisServer {
  readonly url: string
  readonly port: number
  readonly password: string | undefined
  /** Where it keeps what it is to keep. */
  readonly dir: string
  /** Stops answering without closing anything, as behind a broken network. */
  pause(): void
  resume(): void
  /** Ends the process; what it held is lost, unless it was started to `keep` it. */
  stop(): Promise<void>
  /** Starts it again on the same port. */
  restart(): Promise<void>
  /** Stops it and removes its directory. */
  close(): Promise<void>
}

/** False where redis-server is there; else why not, for tap's `skip`. */
export function noRedis(): string | false {
  return existsSync(PROGRAM) ? false : 'redis-server is not installed (Debian: apt-get install redis-server)'
}

/** Resolves null when Debian's redis-server is not installed: skip the test by name then, see `noRedis`. */
export async function startRedis(options: { password?: string; keep?: boolean } = {}): Promise<RedisServer | null> {
  if (noRedis() !== false) return null
  const dir = await mkdtemp(join(tmpdir(), 'sluice-redis-'))
  const { password, keep = false } = options
  for (let attempt = 0; attempt < START_ATTEMPTS; attempt++) {
    const port = 20_000 + Math.floor(Math.random() * 40_000)
    const launched = (): Promise<ChildProcess | null> => launch(port, dir, password, keep)
    const child = await launched()
    if (child !== null) return server(child, port, dir, password, launched)
  }
  await rm(dir, { recursive: true, force: true })
  throw new Error(`redis-server found no free port in ${START_ATTEMPTS} attempts`)
}

function server(
  first: ChildProcess, port: number, dir: string, password: string | undefined, launched: () => Promise<ChildProcess | null>,
): RedisServer {
  let child = first
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    password,
    dir,
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    stop,
    restart: async () => {
      await stop()
      const again = await launched()
      if (again === null) throw new Error(`redis-server did not start again on port ${port}`)
      child = again
    },
    close: async () => {
      await stop()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

// Its own answer to PING is what counts: another program on the port may accept connections too.
async function launch(port: number, dir: string, password: string | undefined, keep: boolean): Promise<ChildProcess | null> {
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', dir,
    ...(keep ? ['--appendonly', 'yes', '--appendfsync', 'always'] : ['--appendonly', 'no']),
    ...(password === undefined ? [] : ['--requirepass', password])]
  const child = spawn(PROGRAM, args, { stdio: 'ignore' })
  const deadline = Date.now() + READY_DEADLINE_MS
  while (child.exitCode === null && Date.now() < deadline) {
    if (await answers(port)) {
      await sleep(20)
      if (child.exitCode === null) return child
    }
    await sleep(20)
  }
  child.kill('SIGKILL')
  return null
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'))
    socket.setTimeout(1_000, () => socket.destroy())
    socket.on('data', (data) => {
      resolve(/^(\+PONG|-NOAUTH)/.test(data.toString()))
      socket.destroy()
    })
    socket.on('error', () => resolve(false))
    socket.on('close', () => resolve(false))
  })
}
