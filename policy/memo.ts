/** Longer texts are judged anew each time, so that a hostile client cannot fill the memory with them. */
const MAX_KEY = 512

/** How many hosts are remembered where what is asked hangs on the host alone. */
export const HOSTS = 2_000

/**
 * Remembers what a pure function answers, for up to `max` texts. When they are that many, all are forgotten: a flood of
 * made-up texts costs a second look at the others, and a look-up no more than that of a plain map.
 */
export function remember<T extends NonNullable<unknown>>(answerOf: (text: string) => T, max: number): (text: string) => T {
  const known = new Map<string, T>()
  return (text) => {
    if (text.length > MAX_KEY) return answerOf(text)
    const before = known.get(text)
    if (before !== undefined) return before
    const answer = answerOf(text)
    if (known.size >= max) known.clear()
    known.set(text, answer)
    return answer
  }
}
