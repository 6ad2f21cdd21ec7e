import type { Command } from 'commander'
import { SluiceError } from '../../policy/errors.ts'
import { byOf, configOf, withStore } from './context.ts'
import type { Io } from './context.ts'

/** For how long a running proxy may still end a write to the file that was just rotated. */
const SETTLE_MS = 2_000

export function addEvents(program: Command, io: Io): void {
  const events = program.command('events').description('what was recorded on this node')

  events.command('erase').description('removes the events of one person from the event files; the audit log tells the pseudonym, not the name')
    .requiredOption('--user <name>', 'the user, as events tell it; case does not count (required)')
    .action(async ({ user }: { user: string }, command: Command) => {
      if (user.trim() === '') throw new SluiceError('usage', '--user names nobody', 'See sluice events erase --help')
      const config = await configOf(command, io)
      const { openPseudonyms } = await import('../open-pseudonyms.ts')
      const { isOf, namesToErase, subjectOf } = await import('../events-port.ts')
      const { eraseFromFiles } = await import('../../dashboards/erase.ts')
      const { fileSink } = await import('../../dashboards/sinks/file.ts')
      const pseudonyms = await openPseudonyms(config, (_, message) => io.err(`${message}\n`))
      // First, so that nothing is removed of which nobody can tell who did it.
      await withStore(config, store => store.note({ ...byOf(io), action: 'events.erase', subject: subjectOf(user, pseudonyms) }))
      const matches = isOf(namesToErase(user, pseudonyms))
      const unread: string[] = []
      for (const { path } of config.events.sinks) {
        const sink = fileSink(path)
        await sink.rotate()
        const done = await eraseFromFiles(path, matches, { settleMs: SETTLE_MS })
        io.out(`${path}: ${done.erased} ${done.erased === 1 ? 'event' : 'events'} removed\n`)
        unread.push(...done.unread)
      }
      if (unread.length > 0) io.err(`Not read, and left as they are: ${unread.join(', ')}\n`)
      io.err('A running proxy keeps its latest 1,000 events and a day of usage in memory: DELETE /v1/events?user= removes those too.\n')
    })
}
