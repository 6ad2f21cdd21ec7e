/** The log: JSON lines on stderr for machines, short lines where a person looks. stdout belongs to what a verb prints. */
import { pino } from 'pino'
import type { Logger } from 'pino'
import { SluiceError, nearest } from '../policy/errors.ts'

export type { Logger } from 'pino'

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']

// A net below the rule that no secret is handed to the log in the first place.
const SECRETS = ['authorization', 'cookie', 'password', 'passphrase', 'secret', 'token', 'key', 'proxy-authorization', 'proxyAuthorization']

/** Where lines go. */
export interface LogOutput {
  readonly isTTY?: boolean
  write(text: string): unknown
}

/** Throws `config.invalid` for a level in `SLUICE_LOG` that does not exist. */
export function createLog(env: NodeJS.ProcessEnv, output: LogOutput = ownErrors()): Logger {
  const level = env.SLUICE_LOG === undefined || env.SLUICE_LOG === '' ? 'info' : env.SLUICE_LOG.toLowerCase()
  if (!LEVELS.includes(level)) {
    const near = nearest(level, LEVELS)
    throw new SluiceError('config.invalid', `SLUICE_LOG must be one of ${LEVELS.join(', ')}`,
      near === undefined ? 'Set one of them' : `Did you mean ${near}?`)
  }
  const paths = SECRETS.flatMap(name => [`["${name}"]`, `*["${name}"]`, `*.*["${name}"]`])
  return pino({
    level, base: null, redact: { paths, censor: '***' },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: label => ({ level: label }) },
  }, { write: line => { output.write(output.isTTY === true ? shortLine(line) : line) } })
}

/** A log whose disk is full, or whose reader has gone, loses lines; without this it would end the process. */
function ownErrors(): LogOutput {
  process.stderr.on('error', () => undefined)
  return process.stderr
}

/** `12:03:04 warn  the store does not answer  url=redis://…` */
export function shortLine(line: string): string {
  const { time, level, msg, ...rest }: Record<string, unknown> = JSON.parse(line)
  const details = Object.entries(rest).map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
  const words = [String(time).slice(11, 19), String(level).padEnd(5), String(msg ?? ''), ...details]
  // Texts come from the network too: nothing in them may steer a terminal.
  return words.join(' ').replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, character =>
    character === '\n' ? ' | ' : `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`) + '\n'
}
