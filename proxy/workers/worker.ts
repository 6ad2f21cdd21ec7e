/** A worker's first file: what has to hold before anything else is loaded. */
import '../runtime.ts'
import { keepCompiled } from '../keep-compiled.ts'

// These are for the process that has started this one, which says what is to be done. A terminal sends them to both.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined)
// Nobody is left who could hand it a connection, or take what it records.
process.on('disconnect', () => process.exit(1))
keepCompiled()
const { runWorker } = await import('./run-worker.ts')
runWorker()
