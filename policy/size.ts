/**
 * Sizes as people write them: whole bytes, or a number with a unit. `KB`, `MB`, `GB`, `TB` are powers of 1000
 * (IEC 80000-13, and what storage providers print); `KiB`, `MiB`, `GiB`, `TiB` are powers of 1024.
 */

const UNITS: ReadonlyMap<string, number> = new Map([
  ['', 1], ['b', 1],
  ['kb', 1000], ['mb', 1000 ** 2], ['gb', 1000 ** 3], ['tb', 1000 ** 4],
  ['kib', 1024], ['mib', 1024 ** 2], ['gib', 1024 ** 3], ['tib', 1024 ** 4],
])

export const SIZE_FORM = 'whole bytes, or a number with KB, MB, GB, TB, KiB, MiB, GiB or TiB, such as 10MB'

/**
 * Bytes of a written size (`10MB`, `1.5 GiB`, `4096`), or undefined when it is none: no number, negative,
 * not a whole number of bytes, or past 2^53 - 1, which a double cannot count exactly.
 */
export function parseSize(written: number | string): number | undefined {
  if (typeof written === 'number') return whole(written)
  const parts = /^(\d{1,16})(?:\.(\d{1,6}))? ?([A-Za-z]{0,3})$/.exec(written)
  const unit = UNITS.get((parts?.[3] ?? '').toLowerCase())
  if (!parts || unit === undefined) return undefined
  const decimals = parts[2] ?? ''
  // Fractions are added in units of their last digit, so that 1.1MB is exactly 1,100,000.
  const fraction = decimals === '' ? 0 : (Number(decimals) * unit) / 10 ** decimals.length
  return whole(Number(parts[1]) * unit + fraction)
}

function whole(bytes: number): number | undefined {
  return Number.isSafeInteger(bytes) && bytes >= 0 ? bytes : undefined
}
