/** What the clock on the wall says somewhere. Zones and their changes of the hour are those of the runtime (IANA, by ECMA-402's Intl). */

export const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const
export type Day = (typeof DAYS)[number]

export interface LocalTime {
  /** 0 is Monday. */
  readonly day: number
  /** Since midnight on the clock, so that an hour that the clock repeats has the same minutes twice. */
  readonly minute: number
}

const MINUTE_MS = 60_000
/** One for each zone that policies name, of which there are some 600. */
const clocks = new Map<string, (at: number) => LocalTime>()

/**
 * The clock of an IANA zone such as `Europe/Berlin`, for milliseconds since 1970. It works the time out once a minute: zones
 * differ from UTC by whole minutes. Throws a SyntaxError that says what is wrong when there is no such zone.
 */
export function clockOf(zone: string): (at: number) => LocalTime {
  const formatter = formatterOf(zone)
  const name = formatter.resolvedOptions().timeZone
  const known = clocks.get(name)
  if (known !== undefined) return known
  let minute = NaN
  let time: LocalTime = { day: 0, minute: 0 }
  const clock = (at: number): LocalTime => {
    const now = Math.floor(at / MINUTE_MS)
    if (now === minute) return time
    time = read(formatter, now * MINUTE_MS)
    minute = now
    return time
  }
  clocks.set(name, clock)
  return clock
}

function formatterOf(zone: string): Intl.DateTimeFormat {
  // An offset such as +02:00 is accepted by Intl, but knows no summer time: a zone's name begins with a letter.
  if (/^[A-Za-z]/.test(zone)) {
    try {
      return new Intl.DateTimeFormat('en-US', {
        timeZone: zone, hourCycle: 'h23', weekday: 'short', hour: '2-digit', minute: '2-digit',
      })
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
    }
  }
  throw new SyntaxError('is not a time zone; write an IANA name such as Europe/Berlin or UTC')
}

function read(formatter: Intl.DateTimeFormat, at: number): LocalTime {
  const parts = new Map(formatter.formatToParts(at).map(({ type, value }) => [type, value]))
  const day = DAYS.findIndex(name => name === parts.get('weekday')?.toLowerCase())
  return { day, minute: Number(parts.get('hour')) * 60 + Number(parts.get('minute')) }
}

/** Minutes since midnight of `HH:MM`. Throws a SyntaxError when it is none. */
export function minuteOf(text: string): number {
  const parts = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(text)
  if (parts === null) throw new SyntaxError('is not a time of day; write 00:00 to 23:59')
  return Number(parts[1]) * 60 + Number(parts[2])
}
