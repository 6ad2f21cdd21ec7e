/** In the hash of a session, a field for each writer with the bytes that it has sent in all. */
const PREFIX = 'by:'

export function writerField(id: string): string {
  return `${PREFIX}${id}`
}

/** What each writer has sent, of the fields of a hash; left out where no writer told. */
export function readBy(fields: Readonly<Record<string, string>>): { by?: ReadonlyMap<string, number> } {
  let by: Map<string, number> | undefined
  for (const [field, text] of Object.entries(fields)) {
    if (!field.startsWith(PREFIX)) continue
    const sent = Number(text)
    if (Number.isSafeInteger(sent) && sent >= 0) (by ??= new Map()).set(field.slice(PREFIX.length), sent)
  }
  return by === undefined ? {} : { by }
}
