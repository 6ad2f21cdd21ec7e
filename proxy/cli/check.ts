import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { SluiceError } from '../../policy/errors.ts'
import { authorityOf, caStatus } from './ca-status.ts'
import { checkRestrictions } from './check-restrictions.ts'
import { configOf } from './context.ts'
import type { Io } from './context.ts'

export function addCheck(program: Command, io: Io): void {
  program.command('check')
    .description('validates the configuration; shows what is in effect, what it leaves open, the state of the CA, ' +
      'and whether the allowlist fits tenants.restrict')
    .action(async (_: unknown, command: Command) => {
      const config = await configOf(command, io)
      const { describeConfig, openings } = await import('../config-describe.ts')
      const { readPair } = await import('../tls-pair.ts')
      const { openOidc } = await import('../open-oidc.ts')
      const { readClientTls } = await import('../client-tls.ts')
      if (config.admin.tls !== null) readPair(config.admin.tls, 'admin.tls')
      readClientTls(config.proxy.tls)
      const { readLogo } = await import('../read-logo.ts')
      readLogo(config.refusal.logo)
      openOidc(config.admin.oidc, () => () => Promise.reject(new Error('a check asks nobody')), () => undefined)
      const { certificatePath } = await import('../../certs/pair.ts')
      // Opening makes an authority where there is none; a check must change nothing.
      const ca = existsSync(certificatePath(config.certs.dir))
        ? await caStatus(config, await authorityOf(config), new Date())
        : ['none yet; the first start makes one']
      io.out(`${describeConfig(config)}\n`)
      io.out(section('Left open by this configuration:', openings(config)))
      const { limitNotes } = await import('../open-limits.ts')
      const { workerCount, workerNotes } = await import('../workers/share.ts')
      io.out(section('Limits:', [...limitNotes(config.proxy.limits), ...workerNotes(config.proxy.limits, workerCount(config.proxy))]))
      io.out(section(`Certificate authority in ${config.certs.dir}:`, ca))
      const { openTickets } = await import('../people/open-tickets.ts')
      const tickets = await openTickets(config)
      tickets?.close()
      if (config.people.file !== null) {
        const { readDirectory } = await import('../people/directory-file.ts')
        const { members } = readDirectory(config.people.file)
        const withPassword = [...members.values()].filter(({ password }) => password !== null).length
        io.out(section(`People in ${config.people.file}:`, [`${members.size === 1 ? '1 user' : `${members.size} users`}, ${withPassword} of them with a password`]))
      }
      const { notes, faults } = await checkRestrictions(config)
      if (notes.length + faults.length > 0) io.out(section('Tenant restrictions:', [...faults, ...notes]))
      if (faults.length > 0) {
        throw new SluiceError('config.invalid', `tenants.restrict is not applied everywhere: ${faults.join(' ')}`,
          'Correct it, or take the account out of tenants.restrict')
      }
    })
}

function section(title: string, lines: readonly string[]): string {
  return `${title}\n${lines.map(line => `  - ${line}\n`).join('')}`
}
