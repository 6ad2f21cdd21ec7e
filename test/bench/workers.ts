/** What a small request costs with one process and with workers: `node test/bench/workers.ts`. Prints CPU time of all of Sluice's processes. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startNode } from '../e2e/node-process.ts'
import { CONTENT, openHttp, upload } from '../e2e/wire.ts'
import { workersOf } from '../e2e/worker-world.ts'
import { startOrigin } from '../origin/origin.ts'

const ROUNDS = 3
/** Each worker compiles for itself what is often run. */
const WARM = 10_000
const WARM_TUNNELS = 1_000
const REQUESTS = 10_000
const TUNNELS = 1_000
const CLIENTS = Array.from({ length: 16 }, (_, i) => `127.0.1.${i + 1}`)
/** Of `/proc/PID/stat`, a second. */
const TICKS = 100

/** CPU seconds of processes so far. */
async function cpuOf(pids: readonly number[]): Promise<number> {
  let ticks = 0
  for (const pid of pids) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    ticks += Number(fields[11]) + Number(fields[12])
  }
  return ticks / TICKS
}

async function round(dir: string, workers: number): Promise<{ readonly request: number; readonly tunnel: number }> {
  const origin = await startOrigin()
  const node = await startNode(dir, origin, 'embedded:./data', 'bench-workers-token', { proxy: { listen: '127.0.0.1:0', workers } })
  try {
    const pids = [node.pid, ...await workersOf(node.pid)]
    const wires = await Promise.all(CLIENTS.map((localAddress) => openHttp(node, CONTENT, { localAddress })))
    const small = upload('x'.repeat(1_000))
    const send = async (count: number): Promise<void> => {
      let left = count
      await Promise.all(wires.map(async (wire) => {
        while (left-- > 0) {
          wire.write(small)
          await wire.response()
        }
      }))
    }
    const tunnels = async (count: number): Promise<void> => {
      let left = count
      await Promise.all(CLIENTS.map(async (localAddress) => {
        while (left-- > 0) {
          const wire = await openHttp(node, CONTENT, { localAddress })
          wire.write(small)
          await wire.response()
          wire.close()
        }
      }))
    }
    await send(WARM)
    await tunnels(WARM_TUNNELS)
    const before = await cpuOf(pids)
    await send(REQUESTS)
    const between = await cpuOf(pids)
    await tunnels(TUNNELS)
    const after = await cpuOf(pids)
    for (const wire of wires) wire.close()
    return { request: (between - before) / REQUESTS * 1_000, tunnel: (after - between) / TUNNELS * 1_000 }
  } finally {
    await node.end()
    await origin.close()
  }
}

const dir = await mkdtemp(join(tmpdir(), 'sluice-bench-workers-'))
try {
  const all = new Map<number, Array<{ readonly request: number; readonly tunnel: number }>>([[1, []], [2, []]])
  for (let i = 0; i < ROUNDS; i++) for (const [workers, found] of all) found.push(await round(join(dir, `${i}-${workers}`), workers))
  console.log('| workers | CPU-s per 1,000 requests | per 1,000 new tunnels with a request |\n| --- | --- | --- |')
  const median = (numbers: readonly number[]): string => {
    const sorted = numbers.toSorted((a, b) => a - b)
    return `${(sorted[sorted.length >> 1] ?? 0).toFixed(3)} (${sorted[0]?.toFixed(3)} to ${sorted.at(-1)?.toFixed(3)})`
  }
  for (const [workers, found] of all) console.log(`| ${workers} | ${median(found.map(({ request }) => request))} | ${median(found.map(({ tunnel }) => tunnel))} |`)
} finally {
  await rm(dir, { recursive: true, force: true })
}
