/** Which events are asked for. */
import type { EcsEvent, EventFilter } from '../policy/ecs-event.ts'
import type { Peek } from './peek-line.ts'

export interface EventTest {
  /** Whether an event of that time can be meant. */
  readonly inTime: (peek: Pick<Peek, 'at'>) => boolean
  /** False for lines that need not be parsed: something asked for is nowhere in them. */
  readonly maybe: (line: Buffer) => boolean
  readonly matches: (event: EcsEvent) => boolean
}

export function eventTest({ since = '', until = '\uffff', provider, action, activity, users, tenant, rule }: EventFilter): EventTest {
  const tenantName = tenant?.toLowerCase()
  // As the line holds them: the values of these fields need no escaping.
  const parts = [
    ...provider === undefined ? [] : [`"provider":${JSON.stringify(provider)}`],
    ...action === undefined ? [] : [`"action":${JSON.stringify(action)}`],
    ...activity === undefined ? [] : [`"action":${JSON.stringify(activity)}`],
    ...rule === undefined ? [] : [JSON.stringify(rule)],
  ].map(part => Buffer.from(part))
  return {
    inTime: ({ at }) => at >= since && at < until,
    maybe: line => parts.every(part => line.includes(part)),
    matches: (event) => {
      const sluice = child(event, 'sluice')
      return (provider === undefined || child(sluice, 'operation').provider === provider)
        && (action === undefined || sluice.action === action)
        && (activity === undefined || event.event.action === activity)
        && (users === undefined || users.includes(lower(child(event, 'user').name)))
        && (tenantName === undefined || tenantsOf(sluice).includes(tenantName))
        && (rule === undefined || rulesOf(event, sluice).includes(rule))
    },
  }
}

type Fields = Readonly<Record<string, unknown>>
const NONE: Fields = {}

function child(value: Fields, key: string): Fields {
  const found = value[key]
  return isFields(found) ? found : NONE
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function lower(value: unknown): string {
  return typeof value === 'string' ? value.toLowerCase() : ''
}

function tenantsOf(sluice: Fields): readonly string[] {
  const { account, id } = child(sluice, 'tenant')
  const names = list(child(sluice, 'facts').tenant_ids).map(lower)
  return id === undefined || id === null ? names : [lower(id), `${lower(account)}/${lower(id)}`, ...names]
}

function rulesOf(event: EcsEvent, sluice: Fields): readonly unknown[] {
  const monitored = list(sluice.monitored).map(one => isFields(one) ? one.rule : undefined)
  return [child(event, 'rule').id, ...list(sluice.noted), ...monitored]
}
