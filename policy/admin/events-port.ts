/** What the API asks of recorded events; `proxy/main.ts` hands it in. */

/** An event in Elastic Common Schema. */
export type RecordedEcs = Readonly<Record<string, unknown>> & {
  readonly '@timestamp': string
  readonly event: Readonly<Record<string, unknown>> & { readonly id: string; readonly action: string; readonly sequence: number }
}

export interface EventFilter {
  /** `@timestamp` from, and before: ISO 8601, UTC, to the millisecond. */
  readonly since?: string
  readonly until?: string
  readonly provider?: string
  readonly action?: string
  readonly activity?: string
  /** Names, lower case, one of which the user must have. */
  readonly users?: readonly string[]
  readonly tenant?: string
  readonly rule?: string
}

export interface EventPage {
  /** Newest first. */
  readonly events: readonly RecordedEcs[]
  /** The number below which the next page begins; null at the end. */
  readonly next: number | null
  readonly source: 'files' | 'memory'
}

export interface Erased {
  /** Events that were removed. */
  readonly erased: number
  /** Names of files that may hold more and are not read: compressed ones. */
  readonly unread: readonly string[]
}

export interface EventsPort {
  page(filter: EventFilter, limit: number, before?: number): Promise<EventPage>
  /** Null where it is not known (any more). */
  find(id: string): Promise<RecordedEcs | null>
  /** Those above `after`, then each as it is recorded, until aborted; whoever is slow costs no memory. */
  follow(filter: EventFilter, signal: AbortSignal, after?: number): AsyncIterable<RecordedEcs>
  /** The names under which a user is recorded, lower case; `byName`: whoever asks may know which pseudonym is whose. */
  namesOf(user: string, byName: boolean): readonly string[]
  /** The pseudonym of a user; also where events tell names, so that an audit need not. */
  pseudonymOf(user: string): Promise<string>
  /** Removes a user's events from files and memory, and what usage counted for the user. */
  erase(user: string): Promise<Erased>
}
