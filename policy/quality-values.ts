/** What a client would rather have, as header fields list it (RFC 9110 §12.4.2): `a, b;q=0.5`. */

export interface Weighted {
  /** In lower case, without parameters. */
  readonly value: string
  /** All but the weight, in lower case: `version=1.0.0`. */
  readonly parameters: readonly string[]
  /** 1 where it says none, 0 where it says no number. */
  readonly weight: number
}

export function readWeighted(field: string): Weighted[] {
  return field.toLowerCase().split(',').map((part) => {
    const [value = '', ...all] = part.split(';').map((piece) => piece.trim())
    const told = all.find((parameter) => parameter.startsWith('q='))
    return { value, parameters: all.filter((parameter) => parameter !== told), weight: told === undefined ? 1 : Number(told.slice(2)) || 0 }
  })
}
