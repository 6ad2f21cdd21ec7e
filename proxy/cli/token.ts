import { Option } from 'commander'
import type { Command } from 'commander'
import { SluiceError } from '../../policy/errors.ts'
import { ROLES } from '../../policy/store/store.ts'
import type { Role } from '../../policy/store/store.ts'
import { byOf, configOf, withStore } from './context.ts'
import type { Io } from './context.ts'

export function addToken(program: Command, io: Io): void {
  const token = program.command('token').description('tokens for the admin API, in the configured store')

  token.command('create').description('makes a token and prints it; it cannot be shown again')
    .addOption(new Option('--role <role>', 'what it may do; required').choices(ROLES).makeOptionMandatory())
    .option('--label <text>', 'whose it is, or what for', '')
    .option('--expires <when>', 'when it ends: 90d, 12h, or a time such as 2027-01-31T12:00:00Z (default: never)')
    .action(async (flags: { role: Role; label: string; expires?: string }, command: Command) => {
      const { LABEL_MAX, LABEL_PATTERN, mintToken } = await import('../../policy/admin/tokens.ts')
      const { expiryOf } = await import('../../policy/admin/expiry.ts')
      if (flags.label.length > LABEL_MAX || !new RegExp(LABEL_PATTERN).test(flags.label)) {
        throw new SluiceError('usage', `--label must be one line of at most ${LABEL_MAX} characters`, 'Give a shorter one')
      }
      const now = new Date()
      const expiresAt = flags.expires === undefined ? undefined : expiryOf(flags.expires, now.getTime(), '--expires', 'usage')
      const { secret, stored } = mintToken(flags.role, flags.label, now, expiresAt)
      await withStore(await configOf(command, io), store => store.putToken(stored, byOf(io)))
      const end = expiresAt === undefined ? 'without an end' : `until ${expiresAt}`
      io.err(`Token ${stored.id}, role ${flags.role}, ${end}. It is shown once:\n`)
      io.out(`${secret}\n`)
    })

  token.command('list').description('one a line: id, role, label, when it was made, when it ends and when it was used last (or never), separated by tabs')
    .action(async (_: unknown, command: Command) => {
      const tokens = await withStore(await configOf(command, io), store => store.tokens())
      io.out(tokens.map(({ id, role, label, createdAt, expiresAt = 'never', lastUsedAt = 'never' }) =>
        `${[id, role, label, createdAt, expiresAt, lastUsedAt].join('\t')}\n`).join(''))
    })

  token.command('revoke').description('ends a token')
    .argument('<id>', 'as sluice token list shows it')
    .action(async (id: string, _: unknown, command: Command) => {
      const found = await withStore(await configOf(command, io), store => store.deleteToken(id, byOf(io)))
      if (!found) throw new SluiceError('token.not-found', `There is no token ${JSON.stringify(id)}`, 'See sluice token list')
      io.out(`${id} is revoked\n`)
    })
}
