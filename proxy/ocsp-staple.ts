/**
 * Reads the status that an origin staples to its certificate (RFC 6960 §4.2.1). Only `revoked` counts, and it needs no
 * signature to count: the handshake proves that it comes from whoever has the certificate's key, and nobody is believed
 * for what a staple says. A key that was stolen comes without one, which only revocation lists help against.
 */

/** Whether a DER response says that the certificate of this serial number (hex) was revoked. What cannot be read says nothing. */
export function saysRevoked(response: Uint8Array, serial: string): boolean {
  // OCSPResponse: responseStatus, [0] { responseBytes: { responseType, response } }
  const [, bytes] = open(response, SEQUENCE)
  const [, basic] = open(bytes?.whole, 0xa0, SEQUENCE)
  // BasicOCSPResponse: { tbsResponseData: { [0] version, responderID, producedAt, responses, … }, … }
  const [data] = open(basic?.whole, OCTET_STRING, SEQUENCE)
  const responses = open(data?.whole, SEQUENCE).find(({ tag }) => tag === SEQUENCE)
  return open(responses?.whole, SEQUENCE).some((single) => {
    // SingleResponse: certID { hashAlgorithm, issuerNameHash, issuerKeyHash, serialNumber }, certStatus ([1]: revoked), …
    const [id, status] = open(single.whole, SEQUENCE)
    const number = open(id?.whole, SEQUENCE)[3]
    return status?.tag === 0xa1 && number !== undefined && plain(Buffer.from(number.body).toString('hex')) === plain(serial)
  })
}

const SEQUENCE = 0x30
const OCTET_STRING = 0x04

interface Item {
  readonly tag: number
  readonly body: Uint8Array
  /** With tag and length. */
  readonly whole: Uint8Array
}

/** What is in the item at the beginning, through items of these tags one in another; nothing where it is not so. */
function open(der: Uint8Array | undefined, ...tags: readonly number[]): readonly Item[] {
  let inside = der
  for (const tag of tags) {
    const first = inside === undefined ? undefined : read(inside)
    if (first?.tag !== tag) return []
    inside = first.body
  }
  const items: Item[] = []
  for (let rest = inside; rest !== undefined && rest.length > 0;) {
    const item = read(rest)
    if (item === undefined) return []
    items.push(item)
    rest = rest.subarray(item.whole.length)
  }
  return items
}

/** X.690 §8.1: one byte of tag, then the length: itself below 128, else its count of bytes. */
function read(der: Uint8Array): Item | undefined {
  const [tag, first] = der
  if (tag === undefined || first === undefined) return undefined
  const count = first < 0x80 ? 0 : first & 0x7f
  if (first === 0x80 || count > 3) return undefined
  let length = count === 0 ? first : 0
  for (let at = 0; at < count; at++) length = length * 256 + (der[2 + at] ?? 0)
  const end = 2 + count + length
  return end > der.length ? undefined : { tag, body: der.subarray(2 + count, end), whole: der.subarray(0, end) }
}

function plain(hex: string): string {
  return hex.replace(/^0+/, '').toLowerCase()
}
