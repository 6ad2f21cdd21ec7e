/** The thread of `carry-in-thread.ts`. */
import { parentPort, workerData } from 'node:worker_threads'
import { carryComments } from '../carry-comments.ts'
import type { CarryTask } from './carry-in-thread.ts'

const { source, policy } = workerData as CarryTask // `carry-in-thread.ts` starts this thread, and nobody else
parentPort?.postMessage(carryComments(source, policy))
