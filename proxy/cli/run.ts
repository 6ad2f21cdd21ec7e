/** The command line: reads verbs and flags, prints one clear error with its code, answers 0, 1 (a failure) or 2 (wrong usage). */
import { Command, CommanderError } from 'commander'
import packageJson from '../../package.json' with { type: 'json' }
import { sentence } from '../../policy/errors.ts'
import type { Fault } from '../../policy/errors.ts'
import { addAudit } from './audit.ts'
import { addBreakGlass } from './break-glass.ts'
import { addBackup } from './backup.ts'
import { addCa } from './ca.ts'
import { addCheck } from './check.ts'
import { addGlobalOptions } from './context.ts'
import type { Io } from './context.ts'
import { addException } from './exception.ts'
import { addEvents } from './events.ts'
import { addPolicy } from './policy.ts'
import { addProviders } from './providers.ts'
import { addStart } from './start.ts'
import { addTenants } from './tenants.ts'
import { addToken } from './token.ts'
import { addUser } from './user.ts'

const EXIT_CODES = `
Exit codes: 0 done; 1 a failure: what was named cannot be read, is not there or is not valid;
2 wrong usage: an unknown verb, flag or choice, or one that is missing. Errors end with their [code].
`

const standard: Io = {
  env: process.env,
  out: text => { process.stdout.write(text) },
  err: text => { process.stderr.write(text) },
}

/** Runs one command; `args` without node and script. Resolves the exit code, never rejects. */
export async function run(args: readonly string[], io: Io = standard): Promise<number> {
  const program = new Command('sluice')
    .description('A forward web proxy that recognises uploads to cloud storage and decides them by policy.')
    .version(packageJson.version)
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: io.out, writeErr: io.err, outputError: (text, write) => write(usageError(text, verbOf(program, args))),
    })
    .addHelpText('afterAll', EXIT_CODES)
  addGlobalOptions(program)
  const verbs = [
    addStart, addCheck, addCa, addPolicy, addException, addBreakGlass, addTenants, addToken, addAudit, addBackup, addUser, addProviders,
    addEvents,
  ]
  for (const add of verbs) add(program, io)
  try {
    await program.parseAsync(args, { from: 'user' })
    return 0
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2 // commander has printed it
    io.err(explain(error, io.env))
    return codeOf(error) === 'usage' ? 2 : 1
  }
}

/** commander's `error: unknown command 'strt'\n(Did you mean start?)` in our form. */
function usageError(text: string, verb: string): string {
  const message = text.trim().replace(/^error: /, '').replaceAll('\n', ' ')
  return `sluice: ${sentence(message)} See ${verb} --help. [usage]\n`
}

/** The verb that the arguments name, as far as they name one: `sluice ca import`. */
function verbOf(program: Command, args: readonly string[]): string {
  let at = program
  const names = [at.name()]
  for (const arg of args) {
    const next = at.commands.find(command => command.name() === arg)
    if (next !== undefined) names.push((at = next).name())
  }
  return names.join(' ')
}

/** `sluice: <message>. <remedy>. [code]`, and the faults a line each. */
function explain(error: unknown, env: NodeJS.ProcessEnv): string {
  if (!(error instanceof Error)) return `sluice: ${String(error)}\n`
  const remedy = 'remedy' in error && typeof error.remedy === 'string' ? error.remedy : null
  const faults = 'faults' in error && Array.isArray(error.faults) ? error.faults as readonly Fault[] : []
  const code = remedy === null ? 'internal' : codeOf(error) ?? 'internal'
  const told = [sentence(error.message.replaceAll('\n', ' ')), sentence(remedy ?? ''), `[${code}]`]
  const lines = [told.filter(text => text !== '').join(' ')]
  if (faults.length > 1) lines.push(...faults.map(fault => `  ${fault.path} ${fault.message}`.trimEnd()))
  // An error that is none of ours is a defect: whoever looks for it wants to know where.
  if (remedy === null && env.SLUICE_LOG === 'debug') lines.push(error.stack ?? '')
  return `sluice: ${lines.join('\n')}\n`
}

function codeOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null
}
