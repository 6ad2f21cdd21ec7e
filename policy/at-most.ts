const one = (): number => 1

/**
 * Options of an LRU cache that holds so many entries at most, and takes memory for those that it holds: with `max` it would make all places when it is
 * constructed, 5 MiB for a hundred thousand.
 */
export function atMost(entries: number): { readonly maxSize: number; readonly sizeCalculation: () => number } {
  return { maxSize: entries, sizeCalculation: one }
}

/** What an entry weighs at least in a cache of so much memory, so that it holds no more than so many. */
export function leastWeight(memory: number, entries: number): number {
  return Math.floor(memory / (entries + 1)) + 1
}
