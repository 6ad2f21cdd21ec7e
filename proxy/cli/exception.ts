import { Option } from 'commander'
import type { Command } from 'commander'
import { parseDuration } from '../../policy/duration.ts'
import { SluiceError } from '../../policy/errors.ts'
import type { ControlsPlace } from '../../policy/store/change-controls.ts'
import type { By, Exception } from '../../policy/store/store.ts'
import { byOf, configOf, withStore } from './context.ts'
import type { Io } from './context.ts'

export function addException(program: Command, io: Io): void {
  const exception = program.command('exception').description('exceptions from rules with coach: true, in the configured store')

  exception.command('list').description('one a line, the oldest first: id, state, rule, provider, user or address, until, reason, separated by tabs')
    .addOption(new Option('--state <state>', 'only those').choices(['asked', 'granted', 'declined', 'revoked']))
    .action(async (flags: { state?: Exception['state'] }, command: Command) => {
      const { controls } = await withStore(await configOf(command, io), store => store.load())
      io.out(controls.exceptions.filter(({ state }) => flags.state === undefined || state === flags.state).map(line).join(''))
    })

  const decide = (name: string, description: string, work: (place: ControlsPlace, id: string, flags: Flags, by: By) => Promise<Exception>): Command =>
    exception.command(name).description(description)
      .argument('<id>', 'as sluice exception list shows it')
      .option('--comment <text>', 'kept with the exception')
      .action(async (id: string, flags: Flags, command: Command) => {
        checkLine('--comment', flags.comment)
        const decided = await withStore(await configOf(command, io), store =>
          work({ store, read: async () => (await store.load()).controls }, id, flags, byOf(io)))
        io.out(line(decided))
      })

  decide('grant', 'grants what was asked for, for a time', async (place, id, flags, by) => {
    const { grant } = await import('../../policy/store/change-exceptions.ts')
    return grant(place, id, { forMs: durationOf('--for', flags.for ?? ''), comment: flags.comment }, by)
  }).requiredOption('--for <time>', 'how long it lasts: 30m, 2h or 7d, at most 30d (required)')
  decide('decline', 'declines what was asked for', async (place, id, { comment }, by) => {
    const { decline } = await import('../../policy/store/change-exceptions.ts')
    return decline(place, id, comment, by)
  })
  decide('revoke', 'ends an exception before its time', async (place, id, { comment }, by) => {
    const { revoke } = await import('../../policy/store/change-exceptions.ts')
    return revoke(place, id, comment, by)
  })
}

interface Flags {
  readonly for?: string
  readonly comment?: string
}

/** Throws `usage` for what is no duration. */
export function durationOf(flag: string, text: string): number {
  try {
    return parseDuration(text)
  } catch (error) {
    throw new SluiceError('usage', `${flag} ${JSON.stringify(text)} ${error instanceof Error ? error.message : ''}`, 'Write 30m or 2h, say')
  }
}

/** Throws `usage` for what would tear lists and logs. */
export function checkLine(flag: string, text: string | undefined): void {
  if (text === undefined || (text.trim() !== '' && text.length <= 500 && !/[\p{Cc}\u2028\u2029]/u.test(text))) return
  throw new SluiceError('usage', `${flag} must be one line of up to 500 characters`, 'Say it shorter')
}

function line({ id, state, rule, provider, user, ip, until, reason }: Exception): string {
  const fields = [id, state, rule, provider ?? 'any', user ?? ip ?? '', until ?? '', reason]
  // Names come from clients: none may tear the list, or write to the terminal.
  return `${fields.map(field => field.replace(/[\p{Cc}\u2028\u2029]/gu, ' ')).join('\t')}\n`
}
