import type { Policy } from '../policy.ts'
import type { Against, SimulationResult } from '../simulate.ts'

/** What a draft is to be replayed on. */
export interface SimulationRequest {
  readonly draft: Policy
  readonly against: Against
  /** Whether whoever asks may know which pseudonym is whose: otherwise no name in a policy holds on events that tell pseudonyms. */
  readonly byName: boolean
  /** `@timestamp` from, and before: ISO 8601, UTC, to the millisecond. */
  readonly since?: string
  readonly until?: string
  /** Events that are replayed at most, the newest first. */
  readonly limit?: number
}

export interface SimulationProgress {
  readonly events: number
  /** Bytes of event files read, and in all. */
  readonly bytes: number
  readonly totalBytes: number
}

/**
 * Replays this node's events on a draft, without holding up the proxy. Rejects with `simulate.busy` while another runs, and when
 * aborted. `onProgress` is called once it runs, and then every so often.
 */
export type Simulate = (
  request: SimulationRequest, signal: AbortSignal, onProgress: (progress: SimulationProgress) => void,
) => Promise<SimulationResult>
