import { readFile, writeFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { SluiceError } from '../../policy/errors.ts'
import { readText } from '../read-text.ts'
import { authorityOf, caStatus, neededDomains } from './ca-status.ts'
import { configOf } from './context.ts'
import type { Io } from './context.ts'

interface ImportFlags {
  readonly cert?: string
  readonly key?: string
  readonly pkcs12?: string
  readonly passphraseFile?: string
  readonly replace?: boolean
}

export function addCa(program: Command, io: Io): void {
  const ca = program.command('ca').description('the certificate authority that clients trust')

  ca.command('show').description('fingerprint, validity and the names it may sign for; makes one where there is none')
    .action(async (_: unknown, command: Command) => {
      const config = await configOf(command, io)
      const authority = await authorityOf(config)
      io.out([`directory: ${config.certs.dir}`, ...await caStatus(config, authority, new Date())].join('\n') + '\n')
    })

  ca.command('export').description('writes the certificate that clients must trust (never the key)')
    .option('--out <file>', 'where to write it (default: stdout, PEM)')
    .option('--der', 'DER instead of PEM, for Windows and browsers')
    .action(async (flags: { out?: string; der?: boolean }, command: Command) => {
      const { trustPem } = await authorityOf(await configOf(command, io))
      if (flags.out === undefined) {
        if (flags.der === true) throw new SluiceError('usage', 'DER is not for a terminal', 'Add --out FILE')
        io.out(trustPem)
        return
      }
      const { toDer } = await import('../../certs/trust.ts')
      await writeFile(flags.out, flags.der === true ? toDer(trustPem) : trustPem)
      io.out(`${flags.out}\n`)
    })

  ca.command('renew').description('makes an overlapping successor; the old certificate stays valid and published')
    .action(async (_: unknown, command: Command) => {
      const config = await configOf(command, io)
      const { renewAuthority } = await import('../../certs/renew.ts')
      const authority = await renewAuthority({
        dir: config.certs.dir, constrain: config.certs.constrain, domains: await neededDomains(config),
      })
      io.out([...await caStatus(config, authority, new Date()),
        'Have clients trust the new certificate (sluice ca export), then restart Sluice.'].join('\n') + '\n')
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
        dir: config.certs.dir, replace: flags.replace === true, ...await importSource(flags),
      })
      io.out((await caStatus(config, authority, new Date())).join('\n') + '\n')
    })
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
