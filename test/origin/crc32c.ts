/** The table of CRC-32C (Castagnoli, RFC 3720 §12.1), reflected. */
const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? n >>> 1 ^ 0x82f63b78 : n >>> 1
  return n >>> 0
})

/** Goes on with a CRC-32C from the value that it had; 0 begins one. */
export function crc32c(bytes: Uint8Array, before: number): number {
  let crc = ~before
  for (const byte of bytes) crc = (TABLE[(crc ^ byte) & 255] ?? 0) ^ crc >>> 8
  return ~crc >>> 0
}
