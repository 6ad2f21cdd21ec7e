import { SluiceError } from '../errors.ts'
import { openEmbedded } from './embedded.ts'
import type { Log } from './log.ts'
import { parseRedisUrl } from './redis-address.ts'
import type { Store } from './store.ts'

export interface OpenStoreOptions {
  readonly log?: Log
  /** Replaces the password of the URL. */
  readonly password?: string
  /**
   * What an unreachable Redis does: `reject` (default) with `store.unreachable`, or `retry`: resolve with a store
   * that is down (`health()`), goes on trying, and calls its watchers once it has got through.
   */
  readonly whenDown?: 'reject' | 'retry'
  /** For whoever only looks: a Redis without a mark of its schema gets none. Default false. */
  readonly isLook?: boolean
}

const KNOWN = 'Known are embedded:DIRECTORY, redis://HOST and rediss://HOST.'

/** Opens the store that a URL names; `store.invalid-url`, `store.unreachable`, `store.corrupt` or `store.newer` otherwise. */
export async function openStore(url: string, options: OpenStoreOptions = {}): Promise<Store> {
  const log = options.log ?? (() => undefined)
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase()
  switch (scheme) {
    case 'embedded': {
      const dir = url.slice('embedded:'.length)
      if (dir === '') throw new SluiceError('store.invalid-url', 'The store URL embedded: names no directory.', 'Write embedded:./data.')
      return openEmbedded(dir, log)
    }
    case 'redis':
    case 'rediss': {
      // Its client takes 8 MiB.
      const { openRedis } = await import('./redis.ts')
      return openRedis(parseRedisUrl(url, options.password), { whenDown: options.whenDown ?? 'reject', isLook: options.isLook ?? false, log })
    }
    case 'redis+sentinel':
    case 'redis+cluster':
      throw new SluiceError('store.invalid-url', `A store at ${scheme}:// is not supported yet.`, KNOWN)
    default:
      throw new SluiceError('store.invalid-url',
        scheme === undefined ? 'The store URL has no scheme.' : `A store at ${scheme}: is not known.`, KNOWN)
  }
}
