/** A directory id as Microsoft writes them (RFC 9562 §4), in lower case. */
export const GUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export function isGuid(text: string): boolean {
  return GUID.test(text)
}
