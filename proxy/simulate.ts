/** Runs simulations beside the proxy: one at a time, in a thread of its own that ends with whoever asked. */
import { Worker } from 'node:worker_threads'
import { SluiceError } from '../policy/errors.ts'
import type { SimulationResult, SimulationSettings } from '../policy/simulate.ts'
import type { Progress, ReplaySource } from './replay.ts'
import type { SimulationTask } from './simulate-worker.ts'

type Message = { readonly progress: Progress } | { readonly result: SimulationResult }

/** The maps of a simulation are bounded; a policy of 10,000 rules takes most of it. */
const MEMORY = { maxOldGenerationSizeMb: 512, maxYoungGenerationSizeMb: 32 }

export class Simulator {
  #running: Worker | null = null

  /**
   * Rejects with `simulate.busy` while another one runs, with an `AbortError` when aborted, and with what the thread ended with.
   * `onProgress` is called once it runs, and then every so often.
   */
  async run(
    source: ReplaySource, settings: SimulationSettings, signal: AbortSignal, onProgress: (progress: Progress) => void,
  ): Promise<SimulationResult> {
    if (this.#running !== null) {
      throw new SluiceError('simulate.busy', 'A simulation is running on this node', 'Try again when it is over, or ask another node')
    }
    signal.throwIfAborted()
    const worker = new Worker(new URL('./simulate-worker.ts', import.meta.url), {
      workerData: { source, settings } satisfies SimulationTask, resourceLimits: MEMORY, execArgv: [], env: {},
    })
    this.#running = worker
    const end = (): void => { void worker.terminate() }
    signal.addEventListener('abort', end, { once: true })
    try {
      return await new Promise((resolve, reject) => {
        worker.on('message', (message: Message) => {
          if ('result' in message) resolve(message.result)
          else onProgress(message.progress)
        })
        worker.once('error', reject)
        worker.once('exit', () => reject(signal.aborted ? signal.reason : new Error('The simulation ended without a result')))
      })
    } finally {
      signal.removeEventListener('abort', end)
      await worker.terminate()
      this.#running = null
    }
  }

  /** Ends the one that runs. */
  async close(): Promise<void> {
    await this.#running?.terminate()
  }
}
