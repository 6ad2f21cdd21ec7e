import { readFile, writeFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { CertificateError, systemCode } from '../../certs/errors.ts'
import type { KeyPlace } from '../../certs/private-key.ts'
import { SluiceError } from '../../policy/errors.ts'
import { readText } from '../read-text.ts'
import { authorityOf, caStatus, day, neededDomains } from './ca-status.ts'
import { configOf } from './context.ts'
import type { Io } from './context.ts'

interface ExportFlags {
  readonly out?: string
  readonly der?: boolean
  readonly next?: boolean
}

interface ImportFlags {
  readonly cert?: string
  readonly key?: string
  readonly pkcs12?: string
  readonly passphraseFile?: string
  readonly replace?: boolean
}

export function addCa(program: Command, io: Io): void {
  const ca = program.command('ca').description('the certificate authority that clients trust')

  ca.command('show').alias('status')
    .description('fingerprint, validity and names of the one in use, of its successor and of earlier ones; makes one where there is none')
    .action(async (_: unknown, command: Command) => {
      const config = await configOf(command, io)
      const authority = await authorityOf(config)
      io.out([`directory: ${config.certs.dir}`, ...await caStatus(config, authority, new Date())].join('\n') + '\n')
    })

  ca.command('export').description('writes the certificate that clients must trust (never the key)')
    .option('--out <file>', 'where to write it (default: stdout, PEM)')
    .option('--der', 'DER instead of PEM, for Windows and browsers')
    .option('--next', 'the prepared successor\'s instead of the one in use')
    .action(async (flags: ExportFlags, command: Command) => {
      if (flags.der === true && flags.out === undefined) throw new SluiceError('usage', 'DER is not for a terminal', 'Add --out FILE')
      const config = await configOf(command, io)
      const pem = flags.next === true ? await successorOf(config.certs) : (await authorityOf(config)).trustPem
      const { toDer } = await import('../../certs/trust.ts')
      if (flags.out === undefined) io.out(pem)
      else await writeOut(flags.out, flags.der === true ? toDer(pem) : pem, io)
    })

  ca.command('renew').description('prepares a successor for clients to trust; with --switch, uses it from then on')
    .option('--switch', 'signs with the prepared successor from the next start or SIGHUP on; the old one is kept')
    .action(async (flags: { switch?: boolean }, command: Command) => {
      const config = await configOf(command, io)
      const { prepareSuccessor, switchToSuccessor } = await import('../../certs/renew.ts')
      const { dir, passphrase, constrain } = config.certs
      const options = { dir, passphrase, constrain, domains: await neededDomains(config) }
      if (flags.switch === true) {
        const authority = await switchToSuccessor(options)
        io.out([...await caStatus(config, authority, new Date()), 'Restart Sluice or send it SIGHUP, on every node.'].join('\n') + '\n')
        return
      }
      const { trustPem, isNew } = await prepareSuccessor(options)
      const { fingerprint, validUntil } = await import('../../certs/trust.ts')
      io.out(`${isNew ? 'A successor is prepared' : 'A successor was prepared before'}: SHA-256 ${fingerprint(trustPem)}, ` +
        `valid to ${day(validUntil(trustPem))}. The present authority goes on.\n` +
        'Have clients trust the successor beside it (sluice ca export --next), then run sluice ca renew --switch.\n')
    })

  ca.command('encrypt').description('encrypts private keys that are stored in the clear, under the configured passphrase')
    .action(async (_: unknown, command: Command) => {
      const { dir, passphrase } = (await configOf(command, io)).certs
      if (passphrase === null) {
        throw new SluiceError('usage', 'No passphrase is configured', 'Set certs.passphraseFile or SLUICE_CERTS_PASSPHRASE')
      }
      const { encryptKeys } = await import('../../certs/encrypt.ts')
      const files = await encryptKeys(dir, passphrase)
      io.out(files.length === 0 ? 'All keys were encrypted before.\n' : files.map(file => `encrypted: ${file}\n`).join(''))
    })

  ca.command('import').description('takes over an issuing CA of your own')
    .option('--cert <file>', 'PEM: the issuing certificate, then its intermediates')
    .option('--key <file>', 'PEM: its private key')
    .option('--pkcs12 <file>', 'a .p12 or .pfx file instead of --cert and --key')
    .option('--passphrase-file <file>', 'a file with the passphrase of the key or PKCS#12 file')
    .option('--replace', 'put it in place of an existing authority, which is kept beside it')
    .action(async (flags: ImportFlags, command: Command) => {
      const config = await configOf(command, io)
      const { importAuthority } = await import('../../certs/import.ts')
      const authority = await importAuthority({
        dir: config.certs.dir, passphrase: config.certs.passphrase, replace: flags.replace === true, ...await importSource(flags),
      })
      io.out((await caStatus(config, authority, new Date())).join('\n') + '\n')
    })
}

/** Read without opening the authority, which may have run out by now. */
async function successorOf(place: KeyPlace): Promise<string> {
  const { nextAnchor } = await import('../../certs/next.ts')
  const pem = await nextAnchor(place)
  if (pem !== null) return pem
  throw new CertificateError('ca.no-successor', `No successor is prepared in ${place.dir}`, 'Run sluice ca renew first')
}

async function writeOut(file: string, content: string | Buffer, io: Io): Promise<void> {
  try {
    await writeFile(file, content)
  } catch (cause) {
    const why = systemCode(cause) ?? 'unknown error'
    throw new CertificateError('ca.unwritable', `${JSON.stringify(file)} (--out) cannot be written (${why})`,
      'Give a file in a directory that exists and that this user may write to', { cause })
  }
  io.out(`${file}\n`)
}

async function importSource(flags: ImportFlags) {
  const passphrase = flags.passphraseFile === undefined ? undefined : readText(flags.passphraseFile, '--passphrase-file')
  if (flags.pkcs12 !== undefined && flags.cert === undefined && flags.key === undefined) {
    return { pkcs12: { data: await readBinary(flags.pkcs12), passphrase: passphrase ?? '' } }
  }
  if (flags.pkcs12 !== undefined || flags.cert === undefined || flags.key === undefined) {
    throw new SluiceError('usage', 'sluice ca import takes either --cert with --key, or --pkcs12', 'See sluice ca import --help')
  }
  const certificate = readText(flags.cert, '--cert')
  const key = readText(flags.key, '--key')
  return { pem: { certificate, key, ...passphrase !== undefined && { passphrase } } }
}

async function readBinary(file: string): Promise<Buffer> {
  readText(file, '--pkcs12')
  return readFile(file)
}
