import type { Rule } from '../policy.ts'

/** How many rules a page holds where nothing is said, and at most. */
export const RULES_PAGE = 100
export const RULES_PAGE_MAX = 1_000

/** `{place}.{id}` of the last rule of the page before. */
export const RULES_CURSOR = '^[0-9]{1,5}\\.[a-z0-9][a-z0-9-]{0,63}$'

/**
 * The rules after `cursor`, in order. Where the last rule of the page before is gone, what stands in its place now comes next;
 * rules that are moved between two pages may come twice or not at all: the revision of each page tells.
 */
export function rulesPage(rules: readonly Rule[], cursor: string | undefined, limit: number): { rules: Rule[]; next?: string } {
  const [place = '0', id] = cursor?.split('.') ?? []
  const last = rules.findIndex((rule) => rule.id === id)
  const start = last >= 0 ? last + 1 : Math.max(0, Number(place) - 1)
  const page = rules.slice(start, start + limit)
  const end = start + page.length
  const ending = page.at(-1)
  return ending === undefined || end >= rules.length ? { rules: page } : { rules: page, next: `${end}.${ending.id}` }
}
