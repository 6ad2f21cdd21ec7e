/** The thread of a simulation: reads files and evaluates, so that the proxy's own thread goes on. */
import { parentPort, workerData } from 'node:worker_threads'
import type { SimulationSettings } from '../policy/simulate.ts'
import { replay } from './replay.ts'
import type { ReplaySource } from './replay.ts'

export interface SimulationTask {
  readonly source: ReplaySource
  readonly settings: SimulationSettings
}

const { source, settings } = workerData as SimulationTask // `simulate.ts` starts this thread, and nobody else
const result = await replay(source, settings, (progress) => parentPort?.postMessage({ progress }))
parentPort?.postMessage({ result })
