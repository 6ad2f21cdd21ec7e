/** The one `Proxy-Authorization` field of a request. Null: there is none; `several`: there are more, which could be read in two ways. */
export function shownField(rawHeaders: readonly string[]): { readonly text: string } | 'several' | null {
  let field: { readonly text: string } | null = null
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.toLowerCase() !== 'proxy-authorization') continue
    if (field !== null) return 'several'
    field = { text: rawHeaders[i + 1] ?? '' }
  }
  return field
}
