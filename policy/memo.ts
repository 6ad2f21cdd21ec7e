import { LRUCache } from 'lru-cache'

/** Longer texts are judged anew each time, so that a hostile client cannot fill the memory with them. */
const MAX_KEY = 512

/** Remembers the answers of a pure test for the `max` texts used last. */
export function remember(test: (text: string) => boolean, max: number): (text: string) => boolean {
  const known = new LRUCache<string, boolean>({ max })
  return (text) => {
    if (text.length > MAX_KEY) return test(text)
    const before = known.get(text)
    if (before !== undefined) return before
    const answer = test(text)
    known.set(text, answer)
    return answer
  }
}
