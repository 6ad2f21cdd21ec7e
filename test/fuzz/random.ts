/** Numbers from 0 to `below` - 1. */
export type Random = (below: number) => number

/** mulberry32: small, seeded, the same everywhere. */
export function randomFrom(seed: number): Random {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let x = Math.imul(state ^ (state >>> 15), 1 | state)
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x
    return ((x ^ (x >>> 14)) >>> 0) % below
  }
}

export function pick<T>(random: Random, list: readonly T[]): T | undefined {
  return list[random(Math.max(list.length, 1))]
}
