/** Texts as a directory service reads them: filters (RFC 4515) and distinguished names (RFC 4514). Pure. */

/** The filter with the values in the places of `{name}`; none of them can be more than a value there. */
export function fillFilter(template: string, values: Readonly<Record<string, string>>): string {
  return template.replaceAll(/\{([a-z]+)\}/g, (place, name: string) => {
    const value = Object.hasOwn(values, name) ? values[name] : undefined
    return value === undefined ? place : escapeValue(value)
  })
}

/** RFC 4515 §3: these five can stand for something else than themselves. */
function escapeValue(value: string): string {
  return value.replaceAll(/[\\*()\0]/g, character => `\\${character.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

/**
 * The value of `attribute` in the first part of a distinguished name: `Finance, EU` of `cn=Finance\, EU,ou=groups,dc=example`.
 * Null where the first part has no such attribute, or the name is none.
 */
export function firstValue(dn: string, attribute: string): string | null {
  for (const part of firstParts(dn)) {
    const equals = part.indexOf('=')
    if (equals < 0) return null
    if (part.slice(0, equals).trim().toLowerCase() === attribute.toLowerCase()) return unescape(part.slice(equals + 1).trim())
  }
  return null
}

/** What stands before the first comma, split at `+`; a backslash takes the character behind it along. */
function firstParts(dn: string): string[] {
  const parts = ['']
  for (let i = 0; i < dn.length; i++) {
    const character = dn[i] ?? ''
    if (character === ',' || character === ';') break
    if (character === '+') parts.push('')
    else {
      const taken = character === '\\' ? dn.slice(i, i + 2) : character
      parts[parts.length - 1] += taken
      i += taken.length - 1
    }
  }
  return parts
}

/** RFC 4514 §2.4: bytes of UTF-8 as hexadecimal pairs, other characters behind a backslash. Null: not UTF-8. */
function unescape(value: string): string | null {
  const bytes: Buffer[] = []
  for (const [, pairs, escaped, plain] of value.matchAll(/((?:\\[0-9a-f]{2})+)|\\(.)|([^\\]+)/gisu)) {
    bytes.push(pairs === undefined ? Buffer.from(escaped ?? plain ?? '', 'utf8') : Buffer.from(pairs.replaceAll('\\', ''), 'hex'))
  }
  const text = Buffer.concat(bytes)
  return text.equals(Buffer.from(text.toString('utf8'), 'utf8')) ? text.toString('utf8') : null
}
