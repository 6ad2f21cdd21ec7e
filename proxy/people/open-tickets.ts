/** What checks tickets, from the configuration: the keytab must be there, fit, and be Sluice's own. */
import { stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { SluiceError } from '../../policy/errors.ts'
import type { Config } from '../config.ts'
import { openAcceptor } from './gssapi.ts'
import type { Acceptor } from './gssapi.ts'

/** Null where nobody is asked for tickets. Rejects with `kerberos.unavailable`, `kerberos.keytab` or `config.unreadable`. */
export async function openTickets({ proxy, people, certs }: Pick<Config, 'proxy' | 'people' | 'certs'>): Promise<Acceptor | null> {
  const { kerberos } = people
  if (proxy.auth !== 'negotiate' || kerberos === null) return null
  await checkKeytab(kerberos.keytab)
  return openAcceptor({
    keytab: resolve(kerberos.keytab),
    principal: kerberos.principal ?? null,
    // Not in /var/tmp, where the library has it by default: a container that may write to its data alone would refuse everybody.
    replayCache: resolve(join(dirname(certs.dir), 'kerberos.rcache')),
  })
}

/** Whoever can read the proxy's key can make tickets of anybody for it. */
async function checkKeytab(file: string): Promise<void> {
  const found = await stat(file).catch((error: unknown) => {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    throw new SluiceError('config.unreadable', `${file} (people.kerberos.keytab) cannot be read (${code})`,
      'Give the path of a keytab that this user may read', { cause: error })
  })
  if (!found.isFile()) {
    throw new SluiceError('config.unreadable', `${file} (people.kerberos.keytab) is not a file`, 'Give the path of a keytab that this user may read')
  }
  if ((found.mode & 0o066) !== 0) {
    throw new SluiceError('kerberos.keytab', `${file} (people.kerberos.keytab) is open to group or others, who could pass for anybody with it`,
      `Run: chmod 600 ${file}`)
  }
}
