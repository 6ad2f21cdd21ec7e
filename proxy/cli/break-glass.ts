import type { Command } from 'commander'
import { isBroken } from '../../policy/break-glass.ts'
import type { BreakGlass } from '../../policy/store/store.ts'
import { byOf, configOf, withStore } from './context.ts'
import type { Io } from './context.ts'
import { checkLine, durationOf } from './exception.ts'

export function addBreakGlass(program: Command, io: Io): void {
  const glass = program.command('break-glass').description('for emergencies: lets everything pass unopened and unjudged for a time, at every node')

  glass.command('on').description('lets everything pass from now on; running processes follow within a second; it ends by itself')
    .requiredOption('--reason <text>', 'kept in the audit log (required)')
    .option('--for <time>', 'how long it lasts: 30m or 2h, at most 24h', '1h')
    .action(async (flags: { reason: string; for: string }, command: Command) => {
      checkLine('--reason', flags.reason)
      const forMs = durationOf('--for', flags.for)
      const { breakGlass } = await import('../../policy/store/change-break-glass.ts')
      const set = await withStore(await configOf(command, io), store =>
        breakGlass({ store, read: async () => (await store.load()).controls }, flags.reason, forMs, byOf(io)))
      io.out(told(set))
    })

  glass.command('off').description('the policy holds again; what passed unopened or unjudged is closed')
    .action(async (_: unknown, command: Command) => {
      const { mendGlass } = await import('../../policy/store/change-break-glass.ts')
      const was = await withStore(await configOf(command, io), store =>
        mendGlass({ store, read: async () => (await store.load()).controls }, byOf(io)))
      io.out(was ? 'break-glass is off\n' : 'break-glass was not on\n')
    })

  glass.command('status').description('whether it is on, until when, and why')
    .action(async (_: unknown, command: Command) => {
      const { controls } = await withStore(await configOf(command, io), store => store.load())
      io.out(isBroken(controls.breakGlass, Date.now()) ? told(controls.breakGlass) : 'break-glass is off\n')
    })
}

function told({ until, since, author, reason }: BreakGlass): string {
  return `break-glass is on until ${until}; since ${since}, by ${author}: ${reason}\n`
}
