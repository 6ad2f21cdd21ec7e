import type { Command } from 'commander'
import { configOf } from './context.ts'
import type { Io } from './context.ts'
import { collect } from '../collect.ts'
import { writeCompiled } from '../keep-compiled.ts'

export function addStart(program: Command, io: Io): void {
  program.command('start')
    .description('runs the proxy; SIGTERM (to node itself: npm does not pass it on) lets transfers finish, a second one ends at once')
    .action(async (_: unknown, command: Command) => {
      const config = await configOf(command, io)
      const { createLog } = await import('../log.ts')
      const { startSluice } = await import('../main.ts')
      const log = createLog(io.env)
      // Other verbs end with their reader. Here, who cannot be told where Sluice is, is served all the same.
      process.stdout.removeAllListeners('error').on('error', () => undefined)
      const running = await startSluice(config, log)
      io.out(running.announcement)
      process.on('SIGHUP', () => {
        running.reload().catch((error: unknown) => log.error({ error: String(error) }, 'the reload failed; all stays as it was'))
      })
      const stopped = stopSignal()
      writeCompiled()
      // What a start leaves behind would else be collected in the middle of the first requests, which would wait for it.
      collect()
      await stopped
      process.once('SIGTERM', endAtOnce)
      process.once('SIGINT', endAtOnce)
      await running.close()
    })
}

async function stopSignal(): Promise<void> {
  await new Promise<void>(resolve => {
    const stop = () => {
      process.off('SIGTERM', stop)
      process.off('SIGINT', stop)
      resolve()
    }
    process.on('SIGTERM', stop)
    process.on('SIGINT', stop)
  })
}

function endAtOnce(): never {
  process.exit(1)
}
