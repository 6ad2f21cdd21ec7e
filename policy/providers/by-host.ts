/** How many hosts are remembered, and how long a name of one may be (RFC 1035 §2.3.4). */
const MAX = 2_000
const MAX_LENGTH = 253

/** Remembers what a pure function tells of the hosts asked last; a hostile client's many names only cost the memory of `MAX`. */
export function byHost<T>(find: (host: string) => T): (host: string) => T {
  const known = new Map<string, T>()
  return host => {
    const before = known.get(host)
    if (before !== undefined) return before
    const answer = find(host)
    if (host.length > MAX_LENGTH) return answer
    if (known.size >= MAX) known.clear()
    known.set(host, answer)
    return answer
  }
}
