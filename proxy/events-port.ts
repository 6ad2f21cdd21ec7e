/** What the admin API asks of recorded events, answered from this node's. */
import type { Events } from '../dashboards/events.ts'
import { toLine } from '../dashboards/ecs.ts'
import type { History } from '../dashboards/history.ts'
import type { EventsPort } from '../policy/admin/events-port.ts'
import type { Simulate } from '../policy/admin/simulate-port.ts'
import type { Policy } from '../policy/policy.ts'
import type { Simulator } from './simulate.ts'

export function eventsPort(history: History): EventsPort {
  return {
    page: (filter, limit, before) => history.page(filter, limit, before),
    find: (id) => history.find(id),
    follow: (filter, signal, after) => history.follow(filter, signal, after),
    namesOf: (user) => [user.toLowerCase()],
  }
}

export interface SimulateParts {
  readonly simulator: Simulator
  /** The file that events go to; null: memory is all there is. */
  readonly sink: string | null
  readonly events: Pick<Events, 'recent' | 'unwritten'>
  readonly current: () => Policy
  /** `policy.late` */
  readonly late: 'block' | 'allow'
}

export function simulatePort({ simulator, sink, events, current, late }: SimulateParts): Simulate {
  return ({ draft, against, ...period }, signal, onProgress) => {
    const lines = sink === null ? events.recent().reverse().map(toLine) : events.unwritten()
    return simulator.run({ sink, lines, ...period }, { draft, current: current(), against, late }, signal, onProgress)
  }
}
