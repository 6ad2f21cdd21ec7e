import { buildAuthority, openAuthority } from './authority.ts'
import type { Authority, AuthorityOptions } from './authority.ts'
import { pemOf } from './chain.ts'
import { CertificateError, howToRenew } from './errors.ts'
import { readCaFacts } from './extensions.ts'
import { ensureDirectory } from './files.ts'
import { readNext, removeNext, writeNext } from './next.ts'
import { readPair, storePair } from './pair.ts'
import type { Pair } from './pair.ts'
import { generateKey, isOwnRoot, makeRoot } from './root.ts'
import type { KeyPlace } from './private-key.ts'

/** A renewal takes two steps, because clients must trust the successor before anything is signed with it. */
export interface Prepared {
  /** The successor's certificate: what clients must trust before the switch. */
  readonly trustPem: string
  /** False when it was prepared before. */
  readonly isNew: boolean
}

/**
 * First step: makes a successor with a new key, for the old domains and the new ones, and keeps it beside the present
 * authority, which goes on. One that is prepared already stays, unless it has run out or lacks a domain.
 * Throws `ca.imported` for an authority that Sluice did not make, `ca.missing` where there is none.
 */
export async function prepareSuccessor(options: AuthorityOptions): Promise<Prepared> {
  const { dir, now = () => new Date() } = options
  await ensureDirectory(dir)
  const current = await ownPair(options)
  const before = await readNext(options)
  if (before !== null && !isSame(before, current) && isFit(before, options, now())) return told(before, false)
  const { permitted } = readCaFacts(issuing(current).raw)
  const key = generateKey()
  const root = makeRoot(key, { ...options, domains: [...permitted ?? [], ...options.domains] }, now())
  const next = { key, chain: [root] }
  if (await writeNext(options, next, before)) return told(next, true)
  return told(await readNext(options) ?? next, false)
}

/**
 * Second step: signs with the prepared successor from the next opening of the directory on, and answers it. The old
 * pair is kept and its certificate stays in `previous`. An interrupted switch is finished by the next opening.
 * Throws `ca.no-successor` when none is prepared.
 */
export async function switchToSuccessor(options: AuthorityOptions): Promise<Authority> {
  const { dir } = options
  await ensureDirectory(dir)
  const current = await ownPair(options)
  const next = await readNext(options)
  if (next === null) {
    throw new CertificateError('ca.no-successor', `No successor is prepared in ${dir}`,
      'Run `sluice ca renew` first and have clients trust what it makes')
  }
  if (!isSame(next, current)) await storePair(options, next, current)
  await removeNext(dir)
  return await openAuthority(options)
}

/** What is in use, where Sluice made it. */
async function ownPair(place: KeyPlace): Promise<Pair> {
  const { dir } = place
  const current = await readPair(place)
  if (current === null || current.chain === null) {
    throw new CertificateError('ca.missing', `There is no certificate authority in ${dir} to renew`,
      'Start Sluice once or run `sluice ca show`, which make one')
  }
  if (!isOwnRoot(issuing(current))) {
    throw new CertificateError('ca.imported', `The certificate authority in ${dir} was not made by Sluice`, howToRenew(true))
  }
  return current
}

function isFit(next: Pair, { constrain, domains }: AuthorityOptions, now: Date): boolean {
  const authority = buildAuthority(next, { previous: [], next: null }, 'the successor')
  return authority.notAfter > now && authority.missing(domains).length === 0 &&
    (authority.permitted === null) === (constrain === 'none')
}

function isSame(a: Pair, b: Pair): boolean {
  return issuing(a).fingerprint256 === issuing(b).fingerprint256
}

function issuing({ chain: [first] }: Pair) {
  if (first === undefined) throw new TypeError('a pair has a certificate')
  return first
}

function told(next: Pair, isNew: boolean): Prepared {
  return { trustPem: pemOf([issuing(next)]), isNew }
}
