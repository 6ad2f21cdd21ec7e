#!/usr/bin/env -S node --max-semi-space-size=2
/** The command line: reads verbs and flags, prints one clear error, answers 0, 1 (an error) or 2 (usage). */
import './runtime.ts'
import { Command, CommanderError } from 'commander'
import packageJson from '../package.json' with { type: 'json' }
import type { Fault } from '../policy/errors.ts'
import { addCa } from './cli/ca.ts'
import { addCheck } from './cli/check.ts'
import { addGlobalOptions } from './cli/context.ts'
import type { Io } from './cli/context.ts'
import { addPolicy } from './cli/policy.ts'
import { addProviders } from './cli/providers.ts'
import { addStart } from './cli/start.ts'
import { addTenants } from './cli/tenants.ts'
import { addToken } from './cli/token.ts'

const standard: Io = {
  env: process.env,
  out: text => { process.stdout.write(text) },
  err: text => { process.stderr.write(text) },
}

/** Runs one command; `args` without node and script. Resolves the exit code, never rejects. */
export async function main(args: readonly string[], io: Io = standard): Promise<number> {
  const program = new Command('sluice')
    .description('A forward web proxy that recognises uploads to cloud storage and decides them by policy.')
    .version(packageJson.version)
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: io.out, writeErr: io.err, outputError: (text, write) => write(oneLine(text)),
    })
  addGlobalOptions(program)
  for (const add of [addStart, addCheck, addCa, addPolicy, addTenants, addToken, addProviders]) add(program, io)
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
function oneLine(text: string): string {
  return `${text.trimEnd().replace(/^error: /, 'sluice: ').replaceAll('\n', ' ')}\n`
}

/** `sluice: <message>. <remedy>.`, and the faults a line each. */
function explain(error: unknown, env: NodeJS.ProcessEnv): string {
  if (!(error instanceof Error)) return `sluice: ${String(error)}\n`
  const remedy = 'remedy' in error && typeof error.remedy === 'string' ? error.remedy : ''
  const faults = 'faults' in error && Array.isArray(error.faults) ? error.faults as readonly Fault[] : []
  const lines = [[sentence(error.message), sentence(remedy)].filter(text => text !== '').join(' ')]
  if (faults.length > 1) lines.push(...faults.map(fault => `  ${fault.path} ${fault.message}`.trimEnd()))
  // An error without a code is a defect: whoever looks for it wants to know where.
  if (codeOf(error) === null && env.SLUICE_LOG === 'debug') lines.push(error.stack ?? '')
  return `sluice: ${lines.join('\n')}\n`
}

function codeOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null
}

function sentence(text: string): string {
  return text === '' || /[.?!]$/.test(text) ? text : `${text}.`
}

if (import.meta.main) {
  process.exitCode = await main(process.argv.slice(2))
  // Whatever a closed proxy left open must not keep the process; output still in the pipe gets its moment.
  setTimeout(() => process.exit(), 1_000).unref()
}
