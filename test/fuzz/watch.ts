/** Runs one target in a thread and ends it when an input does not come back. */
import { Worker } from 'node:worker_threads'
import { Current } from './current.ts'
import type { Failure } from './loop.ts'
import type { Job, Report } from './worker.ts'

/** Seconds that an input may take: of processor time, since the machine may be busy with other things, and of waiting. */
const HANG = { processor: 2, waiting: 30 }
const LOOK_MS = 200
const MAX_HEAP_MB = 1024

export type Watched = { readonly is: 'done'; readonly report: Report } | { readonly is: 'ended'; readonly failure: Failure }

export function watch(job: Omit<Job, 'shared'>): Promise<Watched> {
  const shared = Current.make()
  const current = new Current(shared)
  return new Promise((resolve) => {
    const data: Job = { ...job, shared }
    const worker = new Worker(new URL('worker.ts', import.meta.url), {
      workerData: data, resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
    })
    const end = (watched: Watched): void => {
      clearInterval(timer)
      resolve(watched)
    }
    const endAt = (message: string): void => {
      end({ is: 'ended', failure: { inputs: current.number === null ? [] : [current.input], message } })
      void worker.terminate()
    }
    let seen = current.number
    let since = performance.now()
    let used = process.cpuUsage()
    const timer = setInterval(() => {
      if (current.number !== seen || seen === null) {
        seen = current.number
        since = performance.now()
        used = process.cpuUsage()
        return
      }
      const { user } = process.cpuUsage(used)
      if (user > HANG.processor * 1e6) endAt(`hang: an input takes more than ${HANG.processor} s of processor time`)
      else if (performance.now() - since > HANG.waiting * 1000) endAt(`hang: an input has not come back for ${HANG.waiting} s`)
    }, LOOK_MS)
    // Buffers arrive as plain arrays of bytes.
    worker.on('message', (report: Report) => end({
      is: 'done', report: { ...report, failures: report.failures.map(({ inputs, message }) => ({ message, inputs: inputs.map(bytes => Buffer.from(bytes)) })) },
    }))
    worker.on('error', error => endAt(`crash: ${error instanceof Error ? error.stack ?? error.message : String(error)}`))
    worker.on('exit', code => endAt(`the thread ended with code ${code}`))
  })
}
