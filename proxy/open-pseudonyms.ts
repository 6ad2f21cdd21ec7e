import { join } from 'node:path'
import { Pseudonyms } from '../policy/pseudonyms.ts'
import { readKeyFile } from '../policy/store/key-file.ts'
import type { Log } from '../policy/store/log.ts'
import type { Config } from './config.ts'

/** Reads the key, or makes it. Rejects with `pseudonym-key.unreadable` or `pseudonym-key.weak`, naming the file. */
export async function openPseudonyms(config: Config, log: Log): Promise<Pseudonyms> {
  return new Pseudonyms(await readKeyFile({
    what: 'The key of the pseudonyms', name: 'pseudonym.key', setting: 'events.keyFile',
    unreadable: 'pseudonym-key.unreadable', weak: 'pseudonym-key.weak',
  }, { file: config.events.keyFile, dir: join(config.certs.dir, '..'), log }))
}
