/** Durations as people write them. */
const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** `500ms`, `30s`, `5m`, `12h`, `90d`, in milliseconds. */
export function parseDuration(text: string): number {
  const match = /^([0-9]{1,9})(ms|s|m|h|d)$/.exec(text.trim())
  const unit = match?.[2]
  if (unit !== 'ms' && unit !== 's' && unit !== 'm' && unit !== 'h' && unit !== 'd') {
    throw new Error('must be a duration such as 30s, 5m, 12h or 90d')
  }
  return Number(match?.[1]) * UNITS[unit]
}

export function formatDuration(ms: number): string {
  if (ms === 0) return '0s'
  for (const [unit, factor] of Object.entries(UNITS).reverse()) {
    if (ms % factor === 0) return `${ms / factor}${unit}`
  }
  return `${ms}ms`
}
