/** What the admin API asks of recorded events, answered from this node's. */
import type { Events } from '../dashboards/events.ts'
import type { History } from '../dashboards/history.ts'
import type { EventsPort } from '../policy/admin/events-port.ts'
import type { Simulate } from '../policy/admin/simulate-port.ts'
import type { EcsEvent } from '../policy/ecs-event.ts'
import { fold } from '../policy/people/person.ts'
import type { Policy } from '../policy/policy.ts'
import type { Pseudonyms } from '../policy/pseudonyms.ts'
import { withPseudonyms } from '../policy/simulate.ts'
import type { Against, SimulationSettings } from '../policy/simulate.ts'
import type { Usage } from '../policy/usage.ts'
import type { Simulator } from './simulate.ts'

export interface EventsParts {
  readonly events: Events
  readonly history: History
  readonly usage: Usage
  /** In whose place people stand in events; undefined: nobody's. */
  readonly pseudonyms: Pseudonyms | undefined
  /** The same, made when it is needed: an audit names nobody. */
  readonly openPseudonyms: () => Promise<Pseudonyms>
}

export function eventsPort({ events, history, usage, pseudonyms, openPseudonyms }: EventsParts): EventsPort {
  return {
    page: (filter, limit, before) => history.page(filter, limit, before),
    find: (id) => history.find(id),
    follow: (filter, signal, after) => history.follow(filter, signal, after),
    // Events of a time before pseudonyms tell the name.
    namesOf: (user, byName) => pseudonyms === undefined || !byName ? [fold(user)] : [fold(user), pseudonyms.user(user)],
    pseudonymOf: async (user) => subjectOf(user, pseudonyms ?? await openPseudonyms()),
    erase: async (user) => {
      const names = namesToErase(user, pseudonyms ?? await openPseudonyms())
      usage.forget(names)
      return events.erase(isOf(names))
    },
  }
}

const PSEUDONYM = /^u-[0-9a-f]{24}$/

/** Lower case. Under the pseudonym too where none are made now: they may have been. */
export function namesToErase(user: string, pseudonyms: Pseudonyms): readonly string[] {
  return [fold(user), pseudonyms.user(user)]
}

/** Who is meant, for the audit: by the pseudonym, also where that was given. */
export function subjectOf(user: string, pseudonyms: Pseudonyms): string {
  return PSEUDONYM.test(user) ? user : pseudonyms.user(user)
}

export function isOf(names: readonly string[]): (event: EcsEvent) => boolean {
  return ({ user }) => {
    const name = typeof user === 'object' && user !== null && 'name' in user ? user.name : undefined
    return typeof name === 'string' && names.includes(fold(name))
  }
}

export interface SimulateParts {
  readonly simulator: Simulator
  /** The file that events go to; null: memory is all there is. */
  readonly sink: string | null
  readonly events: Pick<Events, 'recentLines' | 'unwritten'>
  readonly current: () => Policy
  readonly pseudonyms: Pseudonyms | undefined
  /** `policy.late` */
  readonly late: 'block' | 'allow'
}

export function simulatePort({ simulator, sink, events, current, late, pseudonyms }: SimulateParts): Simulate {
  return ({ draft, against, byName, ...period }, signal, onProgress) => {
    const lines = sink === null ? events.recentLines() : events.unwritten()
    return simulator.run({ sink, lines, ...period }, settingsOf(draft, current(), against, late, byName ? pseudonyms : undefined), signal, onProgress)
  }
}

/** With pseudonyms, rules that name users hold on events that tell those. */
export function settingsOf(
  draft: Policy, current: Policy, against: Against, late: 'block' | 'allow', pseudonyms: Pseudonyms | undefined,
): SimulationSettings {
  if (pseudonyms === undefined) return { draft, current, against, late }
  return { draft: withPseudonyms(draft, pseudonyms.user), current: withPseudonyms(current, pseudonyms.user), against, late, knowsPseudonyms: true }
}
