/** Private keys that everybody can read: an authority with one is an authority of everybody's. */
import { createHash, createPublicKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { CertificateError } from './errors.ts'

/**
 * SHA-256 of a SubjectPublicKeyInfo (DER), in hex, and where its private key is published. To add one:
 * `openssl pkey -in KEY -pubout -outform der | sha256sum`.
 */
const KNOWN: ReadonlyMap<string, string> = new Map([
  ['78a9d7ef40805a18a68b7342168614537e61b1733c887c4f86cf4d802f6dbb26', 'CPython 3.6 and 3.7, test/pycakey.pem'],
  ['b27242ebec6d3db0ebbe05bb7c650a421ff90348629d3e0410bc7369b337d4fd', 'CPython 3.8 to 3.12, test/certdata/pycakey.pem'],
  ['edfe2d266a8e34aae10e7fdf5dbaaf4ad37d0fab6d3d738e463f59c066b3b0c5', 'CPython 3.13, test/certdata/pycakey.pem'],
  ['be4c89ae84278a5efc10bd6bfa615e3f84b9a91110b17bb52ba6a351eaa14d4d', 'CPython 3.12 and before, test/certdata/keycert.pem'],
  ['1d2054b91a55916ad0dff7f13988af44ab6097b310f9c7587f2637367bd7c150', 'CPython 3.13, test/certdata/keycert.pem'],
  ['a4d1449297eced86c308fbd4c46e70575d63d860ec15cf8fbef8ab1a41bf82e7', 'urllib3, dummyserver/certs/cacert.key'],
  ['329799340ca9e9cf146fbe9b234094c13235e75d617c9725496231de967355ba', 'requests, tests/certs/expired/ca/ca-private.key'],
  ['5a7a78cca4a0f420d9bc62bb669c3c2759e39f723d3ae10dcbe0f0815a07ecd4', 'RFC 6979 §A.2.5'],
  ['2bd1bb0c44a897c30a7aa0991cde38d8062fe441de50da0f46825344f602e827', 'RFC 7515 §A.3'],
  ['51b944cdfa544d4c3273aa6bf350625a7dd53bbb6a71723274f538b19a207760', 'RFC 7517 §A.2'],
])

/** Throws `ca.key-public` where the private half of `key`, private or public itself, is published. */
export function refuseKnownKey(key: KeyObject, where: string): void {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key
  const source = KNOWN.get(createHash('sha256').update(publicKey.export({ type: 'spki', format: 'der' })).digest('hex'))
  if (source === undefined) return
  throw new CertificateError('ca.key-public', `A key in ${where} is published (${source}): anybody can sign what clients would trust by it`,
    'Move the files away to have a new authority made, or import one whose key is secret; and have clients trust the published one no more')
}
