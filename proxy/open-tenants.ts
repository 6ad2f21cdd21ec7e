/** Constructs what finds out whose account a request goes to: what was learned, the key sets, and who asks. */
import { join } from 'node:path'
import { SluiceError } from '../policy/errors.ts'
import { Sparing } from '../policy/sparing.ts'
import type { Log } from '../policy/store/log.ts'
import type { Store } from '../policy/store/store.ts'
import { readBindingKey } from '../policy/tenant/binding-key.ts'
import { Bindings } from '../policy/tenant/bindings.ts'
import type { Knowledge } from '../policy/tenant/gather.ts'
import { KeySets, readKeySet } from '../policy/tenant/key-sets.ts'
import { TenantAsker } from './ask-tenant.ts'
import type { Config } from './config.ts'
import type { TenantLearnerParts } from './learn-tenant.ts'
import { readText } from './read-text.ts'
import { TenantFinder } from './tenant-finder.ts'
import type { Upstream } from './upstream.ts'

export interface Tenants {
  readonly bindings: Bindings
  readonly knowledge: Knowledge
  readonly finder: TenantFinder
  /** Null where nothing is to be learned. */
  readonly learn: TenantLearnerParts | null
}

/** `shared`: others use the store too. Throws what `readBindingKey` does, and `config.unreadable` or `config.invalid` for a key set that is none. */
export async function openTenants(
  config: Config, store: Store, shared: boolean, upstream: Upstream, log: Log, failed: (error: unknown) => void,
): Promise<Tenants> {
  const { learn, ask, askTimeout, keyFile, keySets: files } = config.tenants
  const key = await readBindingKey({ file: keyFile, dir: join(config.certs.dir, '..'), log })
  const bindings = new Bindings({ key, store, shared, log })
  const keySets = new KeySets(files.map(readKeySetFile))
  const unanswered = new Sparing(60_000)
  const asker = ask ? new TenantAsker({
    upstream, bindings, timeoutMs: askTimeout,
    failed: (error) => {
      if (unanswered.note(performance.now()) === 0) return
      log('warn', `A provider was asked whose a credential is, and did not answer: ${error instanceof Error ? error.message : String(error)}`)
    },
  }) : null
  return {
    bindings,
    knowledge: {
      digest: (account, kind, id) => bindings.digest(account, kind, id),
      get: (digest) => bindings.get(digest),
      signature: (digest) => keySets.signature(digest),
    },
    finder: new TenantFinder({ bindings, keySets, asker }),
    learn: learn ? { bindings, keySets, failed } : null,
  }
}

function readKeySetFile(file: string): NonNullable<ReturnType<typeof readKeySet>> {
  const keys = readKeySet(readText(file, 'the key set'))
  if (keys !== undefined && keys.length > 0) return keys
  throw new SluiceError('config.invalid', `${file} is no JSON Web Key Set with public keys`,
    'Give tenants.keySets files such as https://login.microsoftonline.com/common/discovery/v2.0/keys answers.')
}
