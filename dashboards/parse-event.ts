import type { EcsEvent } from '../policy/ecs-event.ts'

/** Undefined for half a line, and for what is no event. `sequence`: the number of one that has none. */
export function parseEvent(line: string, sequence = 0): EcsEvent | undefined {
  try {
    const value: unknown = JSON.parse(line)
    if (!isEvent(value)) return undefined
    return 'sequence' in value.event ? value : withSequence(value, sequence)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function withSequence(event: EcsEvent, sequence: number): EcsEvent {
  return { ...event, event: { ...event.event, sequence } }
}

function isEvent(value: unknown): value is EcsEvent {
  if (typeof value !== 'object' || value === null || !('event' in value) || !('@timestamp' in value)) return false
  const { event, '@timestamp': at } = value
  return typeof at === 'string' && typeof event === 'object' && event !== null && 'id' in event && typeof event.id === 'string'
}
