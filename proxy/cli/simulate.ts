/** `sluice policy simulate`: what a policy file would have decided otherwise on recorded events, without a running proxy. */
import { SluiceError } from '../../policy/errors.ts'
import { MOMENT, parseMoment } from '../../policy/moment.ts'
import type { Policy } from '../../policy/policy.ts'
import type { Against, SimulationResult } from '../../policy/simulate.ts'
import type { Change } from '../../policy/tops.ts'
import type { Config } from '../config.ts'
import { settingsOf } from '../events-port.ts'
import { openPseudonyms } from '../open-pseudonyms.ts'
import { replay } from '../replay.ts'
import type { Progress, ReplaySource } from '../replay.ts'
import type { Io } from './context.ts'

export interface SimulateFlags {
  readonly events?: readonly string[]
  readonly since?: string
  readonly until?: string
  readonly limit?: string
  readonly against: Against
  readonly json?: true
}

/** Rejects with `usage` for a flag that cannot be meant, and `config.unreadable` for a file that cannot be read. */
export async function simulate(draft: Policy, current: Policy, flags: SimulateFlags, config: Config, io: Io): Promise<void> {
  const source = sourceOf(flags, config)
  const progress = progressTo(io.err, process.stderr.isTTY)
  const pseudonyms = config.events.pseudonymise ? await openPseudonyms(config, () => undefined) : undefined
  let result: SimulationResult
  try {
    result = await replay(source, settingsOf(draft, current, flags.against, config.policy.late, pseudonyms), progress)
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || !('path' in error)) throw error
    throw new SluiceError('config.unreadable', `${String(error.path)} (recorded events) cannot be read (${String(error.code)})`,
      'Give --events files that this user may read', { cause: error })
  }
  io.out(flags.json === true ? `${JSON.stringify(result)}\n` : describeSimulation(result))
}

function sourceOf({ events, since, until, limit }: SimulateFlags, config: Config): ReplaySource {
  const now = Date.now()
  const moment = (flag: string, text: string): string => {
    const at = parseMoment(text, now)
    if (at === undefined) throw new SluiceError('usage', `--${flag} must be ${MOMENT}`, 'See sluice policy simulate --help')
    return new Date(at).toISOString()
  }
  if (limit !== undefined && !/^[1-9]\d{0,8}$/.test(limit)) {
    throw new SluiceError('usage', '--limit must be a number from 1', 'See sluice policy simulate --help')
  }
  const sink = config.events.sinks[0]?.path ?? null
  if (events === undefined && sink === null) {
    throw new SluiceError('usage', 'events.sinks names no file, and --events none either', 'Name files of events with --events')
  }
  return {
    ...events === undefined ? { sink } : { sink: null, files: events },
    ...since === undefined ? {} : { since: moment('since', since) },
    ...until === undefined ? {} : { until: moment('until', until) },
    ...limit === undefined ? {} : { limit: Number(limit) },
  }
}

/** On a terminal one line that is written over; elsewhere a line every few seconds. */
function progressTo(err: Io['err'], isTerminal: boolean): (progress: Progress) => void {
  let last = performance.now()
  return ({ events, bytes, totalBytes }) => {
    if (!isTerminal && performance.now() < last + LINE_EVERY_MS) return
    last = performance.now()
    const share = totalBytes === 0 ? 100 : Math.min(100, Math.floor(bytes / totalBytes * 100))
    const text = `${String(share).padStart(3)} %  ${number(events)} events`
    err(isTerminal ? `${text}\r` : `${text}\n`)
  }
}

const LINE_EVERY_MS = 5_000

/** The result as text for people. */
export function describeSimulation(result: SimulationResult): string {
  const { events, skipped, unreadable, changed, oldest, newest, against } = result
  const period = oldest === null ? '' : `, ${oldest} to ${newest ?? ''}`
  const share = events === 0 ? '' : ` (${(changed / events * 100).toFixed(2)} %)`
  const left = [
    ...skipped === 0 ? [] : [`${number(skipped)} were decided by no policy`],
    ...unreadable === 0 ? [] : [`${number(unreadable)} lines are no events`],
  ]
  const compared = against === 'current' ? 'than by the stored policy' : 'than it was'
  const parts = [
    `${number(events)} ${events === 1 ? 'event' : 'events'} replayed${period}${left.length === 0 ? '' : `; ${left.join(', ')}`}\n` +
    `${number(changed)} would be decided otherwise ${compared}${share}\n`,
    table('', result.changes.map(one => [arrow(one), number(one.events)])),
    table('Rule before → after', result.byRule.map(({ before, after, events, changes }) =>
      [`${before ?? '(none)'} → ${after ?? '(none)'}`, number(events), changes.map(counted).join(', ')])),
    ...([['User', result.byUser], ['Provider', result.byProvider], ['Tenant', result.byTenant]] as const).map(([title, tops]) =>
      table(title, tops.map(({ key, events, changes }) => [shown(key), number(events), changes.map(counted).join(', ')]))),
    table('Rules in monitor mode', result.monitored.map(({ rule, action, events }) => [rule, number(events), `would ${action}`])),
    table('Cannot be replayed exactly', result.inexact.map(({ condition, events }) => [condition, number(events)])),
    table('Some of them', result.samples.slice(0, SHOWN).map(({ at, id, user, provider, activity, host, from, to }) =>
      [at, id, shown(user ?? '-'), `${provider ?? '-'} ${activity}`, shown(host), `${from.action} → ${to.action}`])),
  ]
  return parts.filter(part => part !== '').join('\n')
}

/** Rows of each table, and samples. */
const SHOWN = 20

function table(title: string, rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return ''
  const told = rows.slice(0, SHOWN)
  const widths = told.reduce<number[]>((all, row) => row.map((cell, i) => Math.max(all[i] ?? 0, cell.length)), [])
  const lines = told.map(row => `  ${row.map((cell, i) => /^[\d,]+$/.test(cell) ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)).join('  ')}`.trimEnd())
  const more = rows.length > SHOWN ? [`  and ${rows.length - SHOWN} more; see --json`] : []
  return [...title === '' ? [] : [title], ...lines, ...more].map(line => `${line}\n`).join('')
}

const arrow = ({ from, to }: Change): string => `${from} → ${to}`
const counted = (change: Change): string => `${arrow(change)} ${number(change.events)}`
const number = (value: number): string => value.toLocaleString('en')

/** Names come from the network: nothing in them may steer a terminal. */
function shown(text: string): string {
  const short = text.length > 60 ? `${text.slice(0, 60)}…` : text
  return short.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, '?')
}
