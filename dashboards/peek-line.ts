/** What orders and finds an event, read from the beginning of its line without parsing it. */
export interface Peek {
  /** ISO 8601, UTC, to the millisecond: compares as text. */
  readonly at: string
  readonly id: string
  readonly sequence: number
  /** False where the number comes from the time at which the request began: an event of a version that gave none. */
  readonly isNumbered: boolean
}

/** As `toEcs` begins every line; nothing in it comes from a client. */
const BEGIN = /^\{"@timestamp":"(\d{4}-[^"]{19})","ecs":\{[^}]*\},"event":\{"id":"([^"\\]*)",(?:"sequence":(\d{1,16}),)?/
const LENGTH = 512

/**
 * Undefined for what is no event. One of a version that gave no numbers gets one from its time: such events are in
 * order as far as their times are.
 */
export function peekLine(line: Buffer): Peek | undefined {
  const match = BEGIN.exec(line.toString('latin1', 0, LENGTH))
  if (match === null) return undefined
  const [, at = '', id = '', sequence] = match
  const number = sequence === undefined ? Date.parse(at) * 1_000 : Number(sequence)
  return Number.isNaN(number) ? undefined : { at, id, sequence: number, isNumbered: sequence !== undefined }
}
