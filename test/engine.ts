/** Which engine the contract suite runs on: every end-to-end and security test passes on each (`node test/run.ts --engine=pipeline`). */
export const ENGINES = ['relay', 'pipeline'] as const
export type Engine = typeof ENGINES[number]

export const ENGINE: Engine = process.env.TEST_ENGINE === 'pipeline' ? 'pipeline' : 'relay'

/** How many processes carry the traffic in it: end-to-end tests pass with several too (`TEST_WORKERS=2`). */
export const WORKERS = Number(process.env.TEST_WORKERS ?? 1)
