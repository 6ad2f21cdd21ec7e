/** Which engine the contract suite runs on: every end-to-end and security test passes on each (`node test/run.ts --engine=pipeline`). */
export const ENGINES = ['relay', 'pipeline'] as const
export type Engine = typeof ENGINES[number]

export const ENGINE: Engine = process.env.SLUICE_TEST_ENGINE === 'pipeline' ? 'pipeline' : 'relay'

/** How many processes carry the traffic in it: end-to-end tests pass with several too (`SLUICE_TEST_WORKERS=2`). */
export const WORKERS = Number(process.env.SLUICE_TEST_WORKERS ?? 1)
