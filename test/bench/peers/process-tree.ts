/** What a process and all that it has started take of the machine, by proc(5). Linux only. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'

/** USER_HZ: what times in proc(5) count in, 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100

interface Stat {
  readonly pid: number
  readonly parent: number
  /** Of the process, and of its children that have ended and were waited for; seconds. */
  readonly cpuSeconds: number
}

/** Seconds of processor time, user and system, of the tree so far. */
export function cpuSeconds(root: number): number {
  return treeOf(root).reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0)
}

/** From now on `peakBytes` counts anew. */
export function resetPeaks(root: number): void {
  for (const { pid } of treeOf(root)) {
    try {
      writeFileSync(`/proc/${pid}/clear_refs`, '5')
    } catch {
      // It has ended, or belongs to another user: then its peak is that of its whole life.
    }
  }
}

/** The most resident memory that each process of the tree had, added up. */
export function peakBytes(root: number): number {
  return treeOf(root).reduce((sum, { pid }) => sum + 1024 * Number(/^VmHWM:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0), 0)
}

function treeOf(root: number): Stat[] {
  const all = readdirSync('/proc').filter(name => /^\d+$/.test(name)).map(statOf).filter(stat => stat !== null)
  const found = all.filter(({ pid }) => pid === root)
  // Grows while it is gone through: children of children.
  for (const { pid } of found) found.push(...all.filter(({ parent }) => parent === pid))
  return found
}

function statOf(pid: string): Stat | null {
  const text = read(`/proc/${pid}/stat`)
  if (text === '') return null
  // The name stands in brackets and may hold anything; fields are counted behind it. Field 3 is the first there.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ').map(Number)
  const [user = 0, system = 0, childrenUser = 0, childrenSystem = 0] = fields.slice(11, 15)
  return { pid: Number(pid), parent: fields[1] ?? 0, cpuSeconds: (user + system + childrenUser + childrenSystem) / TICKS_PER_SECOND }
}

/** Empty where the process has ended. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
