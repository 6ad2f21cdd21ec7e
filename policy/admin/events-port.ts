/** What the API asks of recorded events; `proxy/main.ts` hands it in. */

import type { EcsEvent, EventFilter } from '../ecs-event.ts'

export interface EventPage {
  /** Newest first. */
  readonly events: readonly EcsEvent[]
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
  find(id: string): Promise<EcsEvent | null>
  /** Those above `after`, then each as it is recorded, until aborted; whoever is slow costs no memory. */
  follow(filter: EventFilter, signal: AbortSignal, after?: number): AsyncIterable<EcsEvent>
  /** The names under which a user is recorded, lower case; `byName`: whoever asks may know which pseudonym is whose. */
  namesOf(user: string, byName: boolean): readonly string[]
  /** The pseudonym of a user; also where events tell names, so that an audit need not. */
  pseudonymOf(user: string): Promise<string>
  /** Removes a user's events from files and memory, and what usage counted for the user. */
  erase(user: string): Promise<Erased>
}
