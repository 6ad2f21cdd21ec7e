/** Public keys that are expected of a host, beside a chain that verifies: pins in the form of RFC 7469 §2.4. */
import { createHash } from 'node:crypto'
import type { X509Certificate } from 'node:crypto'
import type { DetailedPeerCertificate } from 'node:tls'
import { parseHost } from './host-port.ts'
import { verifiedChain } from './verified-chain.ts'

/** Host → `sha256/` and the base64 of the SHA-256 of a SubjectPublicKeyInfo (DER). */
export type Pins = ReadonlyMap<string, readonly string[]>

/** Whether one of the certificates, from the origin's own up to its root, has a pinned key. */
export function holdsPin(peer: DetailedPeerCertificate, pins: readonly string[]): boolean {
  try {
    return verifiedChain(peer).some((certificate) => pins.includes(pinOf(certificate)))
  } catch {
    // A key of an unknown kind, say: what cannot be read is not what was pinned.
    return false
  }
}

function pinOf({ publicKey }: X509Certificate): string {
  return `sha256/${createHash('sha256').update(publicKey.export({ type: 'spki', format: 'der' })).digest('base64')}`
}

/** As in the configuration: host → pins. */
type Written = Readonly<Record<string, readonly string[]>>

/** Throws a plain `Error` that names the host and completes "upstream.pins …". */
export function parsePins(written: Written): Written {
  const out = new Map<string, readonly string[]>()
  for (const [name, pins] of Object.entries(written)) {
    const host = parseHost(name)?.host
    const shown = JSON.stringify(name).slice(0, 80)
    if (host === undefined) throw new Error(`names ${shown}, which is no host such as api.dropboxapi.com`)
    if (out.has(host)) throw new Error(`names ${shown} twice`)
    // No pin at all would close the host; who means that writes a rule.
    if (pins.length === 0) throw new Error(`(${shown}) must hold at least one pin`)
    if (!pins.every(isPin)) throw new Error(`(${shown}) must hold sha256/ and 44 characters of base64, for each key`)
    out.set(host, pins)
  }
  return Object.fromEntries(out)
}

export function formatPins(pins: Written): Record<string, string[]> {
  return Object.fromEntries(Object.entries(pins).map(([host, list]) => [host, [...list]]))
}

function isPin(text: string): boolean {
  const base64 = text.startsWith('sha256/') ? text.slice(7) : ''
  const bytes = Buffer.from(base64, 'base64')
  return bytes.length === 32 && bytes.toString('base64') === base64
}
