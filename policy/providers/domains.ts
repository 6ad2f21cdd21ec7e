/** Domains for which Sluice's authority may sign: a name constraint covers the domain and everything below it. */

/** Sorted, without one that another covers. */
export function widest(domains: readonly string[]): string[] {
  const all = new Set(domains)
  return [...all].filter(domain => !parents(domain).some(parent => all.has(parent))).sort()
}

function parents(domain: string): string[] {
  const labels = domain.split('.')
  return labels.slice(1).map((_, i) => labels.slice(i + 1).join('.'))
}
