/** A world whose proxy is two workers, and how to see these. */
import { readFile, readdir } from 'node:fs/promises'
import type { Test } from 'tap'
import { ALLOW_ALL, upload } from './wire.ts'
import type { Wire } from './wire.ts'
import { startWorld } from './world.ts'
import type { Configuration, World } from './world.ts'

/** So many that one worker has all of them once in 32,768 runs. */
export const ADDRESSES = Array.from({ length: 16 }, (_, i) => `127.0.1.${i + 1}`)

export async function startTogether(t: Test, config: Configuration = {}): Promise<World> {
  const world = await startWorld({ config: { ...config, proxy: { workers: 2, ...config.proxy as Record<string, unknown> | undefined } } })
  t.teardown(() => world.close())
  await world.setPolicy(ALLOW_ALL)
  return world
}

/** The workers of a process. */
export async function workersOf(parent: number): Promise<number[]> {
  const found: number[] = []
  for (const name of await readdir('/proc')) {
    const pid = Number(name)
    if (!Number.isInteger(pid)) continue
    const [stat, command] = await Promise.all(['stat', 'cmdline'].map((file) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')))
    const [, ppid] = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? []
    if (Number(ppid) === parent && command?.includes('workers/worker.ts') === true) found.push(pid)
  }
  return found
}

export function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

export async function put(wire: Wire, body: string, name: string): Promise<number> {
  wire.write(upload(body, { name }))
  return (await wire.response()).status
}
