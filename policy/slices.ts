import { setImmediate } from 'node:timers/promises'

/** Between two turns of the event loop: about a millisecond of small work. */
const SLICE = 1_000

/** Works on a list piece by piece, in turns, so that one of 100,000 does not hold up the traffic; the results in one list. */
export async function inSlices<T, R>(items: readonly T[], work: (slice: T[], start: number) => readonly R[]): Promise<R[]> {
  const results: R[][] = []
  for (let start = 0; start < items.length; start += SLICE) {
    if (start > 0) await setImmediate()
    results.push([...work(items.slice(start, start + SLICE), start)])
  }
  return results.flat()
}

/** `items.map(make)`, in turns. */
export function mapInSlices<T, R>(items: readonly T[], make: (item: T, index: number) => R): Promise<R[]> {
  return inSlices(items, (slice, start) => slice.map((item, i) => make(item, start + i)))
}
