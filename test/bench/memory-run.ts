/** One long transfer through a Sluice of its own, and what its resident memory did meanwhile. */
import { readFileSync } from 'node:fs'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { curl } from '../e2e/curl.ts'
import type { CurlResult } from '../e2e/curl.ts'
import { startSluiceProcess } from './processes.ts'
import type { OriginProcess, SluiceProcess } from './processes.ts'

export interface Transfer {
  readonly direction: 'up' | 'down'
  readonly http: '1.1' | '2'
  readonly bytes: number
  /** Bytes per second at which the receiving side reads: the origin of an upload, the client of a download. */
  readonly rate: number
}

/** Bytes of resident memory, and seconds. */
export interface Measurement {
  /** After a small transfer of the same kind. */
  readonly start: number
  readonly peak: number
  readonly growth: number
  readonly samples: number
  readonly seconds: number
}

const SAMPLE_MS = 100
/** Enough to have made the certificate, the connection and the code paths. */
const WARM_UP_BYTES = 4 << 20
const HOST = 'https://content.dropboxapi.com'

/** Starts a Sluice, sends the transfer through it with curl, and ends it. Rejects when the transfer is not complete. */
export async function measureMemory(origin: OriginProcess, transfer: Transfer): Promise<Measurement> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-memory-'))
  const sluice = await startSluiceProcess(origin)
  try {
    if (transfer.direction === 'up') await origin.behave({ readBytesPerSecond: transfer.rate })
    await send(origin, sluice, dir, { ...transfer, bytes: WARM_UP_BYTES })
    const start = residentMemory(sluice.pid)
    let peak = start
    let samples = 1
    const sampler = setInterval(() => {
      peak = Math.max(peak, residentMemory(sluice.pid))
      samples++
    }, SAMPLE_MS)
    const began = performance.now()
    try {
      await Promise.race([send(origin, sluice, dir, transfer), sluice.ended])
    } finally {
      clearInterval(sampler)
    }
    return { start, peak, growth: peak - start, samples, seconds: (performance.now() - began) / 1000 }
  } finally {
    await sluice.close()
    await rm(dir, { recursive: true, force: true })
  }
}

/** `VmRSS` of proc(5), in bytes; 0 for a process that has just ended. */
export function residentMemory(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kib ?? 0) * 1024
}

async function send(origin: OriginProcess, sluice: SluiceProcess, dir: string, transfer: Transfer): Promise<void> {
  const { direction, http, bytes, rate } = transfer
  const version = http === '2' ? '--http2' : '--http1.1'
  // A proxy that does not wait for the slow side lets curl end early, a stalled one never: both are faults.
  const options = { proxy: sluice.proxy, caFile: sluice.caFile, timeoutMs: (bytes / rate) * 3_000 + 30_000 }
  let result: CurlResult
  if (direction === 'up') {
    const name = `file-${bytes}-${http}.bin`
    const file = join(dir, name)
    await makeSparse(file, bytes)
    const arg = JSON.stringify({ path: `/${name}`, mode: 'overwrite' })
    result = await curl([
      version, '-X', 'POST', '-H', `Dropbox-API-Arg: ${arg}`, '-H', 'Content-Type: application/octet-stream', '-T', file,
      `${HOST}/2/files/upload`,
    ], options)
    const arrived = (await origin.stored()).some(stored => stored.name === name && stored.size === bytes)
    if (!arrived) throw new Error(`the upload did not arrive: ${result.status} ${result.stderr}${result.stdout}`)
  } else {
    result = await curl([
      version, '--limit-rate', String(rate), '-o', join(dir, 'null'), '--fail', `${HOST}/bench/download?bytes=${bytes}`,
    ], options)
  }
  const { code, status, stderr, httpVersion } = result
  if (code !== 0 || status !== 200) throw new Error(`curl ended with ${code ?? 'a signal'}: ${status} ${stderr}`)
  if (httpVersion !== http) throw new Error(`curl spoke HTTP/${httpVersion}, not HTTP/${http}`)
}

/** A file that is long and takes no room. */
async function makeSparse(file: string, bytes: number): Promise<void> {
  const handle = await open(file, 'w')
  await handle.truncate(bytes)
  await handle.close()
}
