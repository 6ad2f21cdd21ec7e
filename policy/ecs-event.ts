/** Recorded events, as they are written, asked for and answered. */

/** An event in Elastic Common Schema; `dashboards/ecs.ts` makes them. */
export type EcsEvent = Readonly<Record<string, unknown>> & {
  readonly '@timestamp': string
  readonly event: Readonly<Record<string, unknown>> & { readonly id: string; readonly action: string; readonly sequence: number }
}

/** Which events are asked for. */
export interface EventFilter {
  /** `@timestamp` from, and before: ISO 8601, UTC, to the millisecond. */
  readonly since?: string
  readonly until?: string
  readonly provider?: string
  /** What was decided: `allow`, `log` or `block`. */
  readonly action?: string
  readonly activity?: string
  /** Names, lower case, one of which the user must have. */
  readonly users?: readonly string[]
  /** An id, an alias, or `account/id`. */
  readonly tenant?: string
  /** A rule that decided, noted the request, or would have decided in monitor mode. */
  readonly rule?: string
}
