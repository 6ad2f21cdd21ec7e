/**
 * By which of the workers that are ready (slots, counted from 0) a client is served: always by the same one, so that what is counted and
 * remembered by client is in one process. When one goes, only its clients go elsewhere, and come back to whatever takes its place.
 * `seed`: so that nobody can choose addresses for one worker. Null: none is ready.
 */
export function chooseWorker(who: string, seed: number, ready: readonly boolean[]): number | null {
  const start = hashOf(who, seed)
  let best: number | null = null
  let most = -1
  for (let slot = 0; slot < ready.length; slot++) {
    if (ready[slot] !== true) continue
    const weight = mix(start ^ Math.imul(slot + 1, 0x9e3779b1))
    if (weight > most) [most, best] = [weight, slot]
  }
  return best
}

/** FNV-1a. */
function hashOf(text: string, seed: number): number {
  let hash = 0x811c9dc5 ^ seed
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash
}

/** The last step of MurmurHash3: each bit of what comes in moves half of what comes out. */
function mix(value: number): number {
  let hash = Math.imul(value ^ value >>> 16, 0x85ebca6b)
  hash = Math.imul(hash ^ hash >>> 13, 0xc2b2ae35)
  return (hash ^ hash >>> 16) >>> 0
}
