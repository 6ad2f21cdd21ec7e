import { assembleCertificate } from './certificate.ts'
import type { CertificateFields } from './certificate.ts'
import { checkDates, isSelfSigned, notACa, pemOf } from './chain.ts'
import { CertificateError, howToRenew } from './errors.ts'
import { readCaFacts } from './extensions.ts'
import { PRIVATE_FILE, PUBLIC_FILE, createExclusively, ensureDirectory } from './files.ts'
import { isHostName, isWithin } from './names.ts'
import { nextAnchor } from './next.ts'
import { certificatePath, keptAnchors, keyPath, readPair } from './pair.ts'
import type { Pair } from './pair.ts'
import { storedKey } from './private-key.ts'
import type { KeyPlace } from './private-key.ts'
import { generateKey, isOwnRoot, makeRoot } from './root.ts'
import type { RootOptions } from './root.ts'

/** A CA that signs leaves. The private key stays inside. */
export interface Authority {
  /** The issuing certificate. */
  readonly certificatePem: string
  /** What a server sends behind a leaf: the issuing CA and its intermediates, no self-signed root; may be empty. */
  readonly chainPem: string
  /** What clients must trust: the root, or the topmost certificate that is known. */
  readonly trustPem: string
  /** Trust anchors of earlier authorities that are still valid, PEM: shown, so that people know what clients may still trust. */
  readonly previous: readonly string[]
  /** The prepared successor's certificate, PEM, which clients should trust before the switch; null: none is prepared. */
  readonly next: string | null
  /** Whether an organisation issued it, as against Sluice: then it is not renewed but imported anew. */
  readonly imported: boolean
  /** SHA-256 of the issuing certificate, hex with colons. */
  readonly fingerprint256: string
  /** The time in which the whole chain is valid. */
  readonly notBefore: Date
  readonly notAfter: Date
  /** DNS domains the certificate itself permits, as read out of it; null: no constraint. */
  readonly permitted: readonly string[] | null
  /** The issuing certificate's subject key identifier. */
  readonly keyId: Buffer | null
  /** The constraint allows a leaf for this host name. */
  covers(host: string): boolean
  /** Those of `domains` that the constraint does not cover entirely: a renewal is due. */
  missing(domains: readonly string[]): string[]
  /** Signs whatever it is given: only `leaf.ts`, which checks the name first, calls it. Answers PEM. */
  sign(fields: Omit<CertificateFields, 'issuer'>): string
}

/** `dir` holds `ca.key` and `ca.crt`; it is made (0700) where missing. */
export interface AuthorityOptions extends RootOptions, KeyPlace {
  readonly now?: () => Date
  /** false: where there is none, reject with `ca.unreadable` instead of making one. */
  readonly make?: boolean
}

/**
 * Loads the authority of `dir`, or makes one where there is none. Processes that start at once end with the same one,
 * and a start that was interrupted anywhere is completed by the next.
 * Rejects with a `CertificateError`; nothing on disk is changed then.
 */
export async function openAuthority(options: AuthorityOptions): Promise<Authority> {
  const { dir, now = () => new Date() } = options
  await ensureDirectory(dir)
  const pair = await findOrMake(options, now())
  checkDates(pair.chain, now(), certificatePath(dir), howToRenew(isImported(pair)))
  const beside = { previous: await keptAnchors(dir, pair.chain, now()), next: await nextAnchor(options) }
  return buildAuthority(pair, beside, certificatePath(dir))
}

/** A step a round: key, certificate, reading. Who loses a step to another process goes on from what that one wrote. */
async function findOrMake(options: AuthorityOptions, now: Date): Promise<Pair> {
  const { dir } = options
  for (let round = 0; round < 3; round++) {
    const found = await readPair(options)
    if (found !== null && found.chain !== null) return { key: found.key, chain: found.chain }
    if (options.make === false) {
      throw new CertificateError('ca.unreadable', `There is no certificate authority in ${dir} any more`,
        'Put ca.key and ca.crt back; a restart would make a new one, which no client trusts')
    }
    const key = found?.key ?? generateKey()
    // Before the key is stored: options from which no certificate can be made must leave nothing behind.
    const root = makeRoot(key, options, now)
    await (found === null
      ? createExclusively(keyPath(dir), storedKey(key, options), PRIVATE_FILE)
      : createExclusively(certificatePath(dir), pemOf([root]), PUBLIC_FILE))
  }
  throw new CertificateError('ca.unreadable', `The certificate authority in ${dir} vanished while it was being opened`,
    'See who else removes files from that directory')
}

const isImported = ({ chain: [issuing] }: Pair): boolean => issuing === undefined || !isOwnRoot(issuing)

/** Throws `ca.not-a-ca` when a certificate of the chain lacks keyCertSign. */
export function buildAuthority(pair: Pair, beside: Pick<Authority, 'previous' | 'next'>, where: string): Authority {
  const { key, chain } = pair
  const [issuing] = chain
  const anchor = chain.at(-1)
  if (issuing === undefined || anchor === undefined) throw new TypeError('a chain has a certificate')
  const facts = chain.map(certificate => readCaFacts(certificate.raw))
  const powerless = chain.find((_, i) => facts[i]?.signsCertificates === false)
  if (powerless !== undefined) throw notACa(powerless, where)
  const { subject: issuer, keyId } = readCaFacts(issuing.raw)

  const covers = (host: string): boolean => isHostName(host) && facts.every(({ permitted, excluded }) =>
    (permitted === null || permitted.some(domain => isWithin(host, domain))) &&
    !excluded.some(domain => isWithin(host, domain)))
  const excludesPart = (domain: string): boolean => facts.some(({ excluded }) =>
    excluded.some(other => isWithin(other.replace(/^\./, ''), domain)))

  return {
    certificatePem: pemOf([issuing]),
    chainPem: pemOf(chain.filter(certificate => !isSelfSigned(certificate))),
    trustPem: pemOf([anchor]),
    ...beside,
    imported: isImported(pair),
    fingerprint256: issuing.fingerprint256,
    notBefore: new Date(Math.max(...chain.map(certificate => certificate.validFromDate.getTime()))),
    notAfter: new Date(Math.min(...chain.map(certificate => certificate.validToDate.getTime()))),
    permitted: facts.map(({ permitted }) => permitted).reduce(intersect, null),
    keyId,
    covers,
    missing: domains => domains.filter(domain => !covers(domain) || excludesPart(domain)),
    sign: fields => assembleCertificate({ ...fields, issuer }, key),
  }
}

function intersect(a: readonly string[] | null, b: readonly string[] | null): readonly string[] | null {
  if (a === null || b === null) return a ?? b
  return [...new Set([
    ...a.filter(domain => b.some(other => isWithin(domain, other))),
    ...b.filter(domain => a.some(other => isWithin(domain, other))),
  ])]
}
