/** Finds out what memory does not hold of a request's credential and place: from the store, the key sets, the provider. */
import type { Bindings } from '../policy/tenant/bindings.ts'
import type { KeySets } from '../policy/tenant/key-sets.ts'
import type { TenantAsker } from './ask-tenant.ts'
import type { TenantSources } from './judge-exchange.ts'
import type { Judgement } from './stages/judge.ts'

export interface FinderParts {
  readonly bindings: Bindings
  readonly keySets: KeySets
  /** Null unless `tenants.ask` is set. */
  readonly asker: TenantAsker | null
}

export class TenantFinder implements TenantSources {
  readonly #parts: FinderParts

  constructor(parts: FinderParts) {
    this.#parts = parts
  }

  settle(judgement: Judgement): Promise<'settled' | 'failed'> | null {
    return this.#begin(judgement, this.#mayAsk(judgement))
  }

  /** The same for a request that nobody made: no provider is asked. */
  lookUp(judgement: Judgement): Promise<'settled' | 'failed'> | null {
    return this.#begin(judgement, false)
  }

  #begin(judgement: Judgement, asks: boolean): Promise<'settled' | 'failed'> | null {
    const { gathered } = judgement
    if (gathered === null) return null
    const { bindings, keySets } = this.#parts
    const { claimed, credentialDigest } = gathered.question
    const unknown = gathered.wanted.filter((digest) => !bindings.isFresh(digest))
    // Only a token that names a tenant is worth a signature's check.
    const isUnverified = claimed !== undefined && credentialDigest !== undefined && keySets.mayTell(credentialDigest)
    if (unknown.length === 0 && !isUnverified && !asks) return null
    return this.#settle(judgement, unknown, isUnverified, asks)
  }

  async #settle(judgement: Judgement, unknown: readonly string[], isUnverified: boolean, asks: boolean): Promise<'settled' | 'failed'> {
    const { bindings, keySets, asker } = this.#parts
    const { module, gathered } = judgement
    const question = gathered?.question
    if (module === null || question === undefined) return 'settled'
    const { credential, credentialDigest } = question
    const verified = isUnverified && credential.is === 'one' && credentialDigest !== undefined
      ? keySets.verify(module.account, credential.token, credentialDigest) : null
    const found = await Promise.all(unknown.map((digest) => bindings.load(digest)))
    await verified
    let isFailed = found.includes('failed')
    const person = credentialDigest === undefined ? undefined : bindings.get(credentialDigest)?.person
    if (person !== undefined && !bindings.isFresh(person)) isFailed = await bindings.load(person) === 'failed' || isFailed
    if (asks && asker !== null && credential.is === 'one' && credentialDigest !== undefined && this.#mayAsk(judgement)) {
      await asker.ask(module, credential.token, credentialDigest)
    }
    return isFailed ? 'failed' : 'settled'
  }

  /** A question is put for what brings content, and only where nothing else could tell. */
  #mayAsk({ module, recognition, gathered }: Judgement): boolean {
    const { asker, bindings } = this.#parts
    if (asker === null || module?.question === undefined || gathered === null) return false
    const { activity, tenantHint } = recognition?.operation ?? {}
    if (activity !== 'upload' && activity !== 'edit') return false
    const { credential, credentialDigest, signature } = gathered.question
    if (tenantHint !== undefined || credential.is !== 'one' || credentialDigest === undefined || signature === 'forged') return false
    const known = bindings.get(credentialDigest)
    const person = known?.person === undefined ? undefined : bindings.get(known.person)
    const isKnown = [known, person].some((one) => one !== undefined && one.mayAllow && one.tenants.length > 0)
    return !isKnown && asker.isWorthAsking(credentialDigest)
  }
}
