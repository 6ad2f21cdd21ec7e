/** What the admin API asks of recorded events, answered from this node's. */
import type { History } from '../dashboards/history.ts'
import type { EventsPort } from '../policy/admin/events-port.ts'

export function eventsPort(history: History): EventsPort {
  return {
    page: (filter, limit, before) => history.page(filter, limit, before),
    find: (id) => history.find(id),
    follow: (filter, signal, after) => history.follow(filter, signal, after),
    namesOf: (user) => [user.toLowerCase()],
  }
}
