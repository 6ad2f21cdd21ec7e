/**
 * `npm run bench:soak`: two hundred clients of good and bad behaviour before one Sluice for ten minutes, and whether
 * memory stayed flat, descriptors came back, every decision was right and every byte accounted for. Exits 1 when not.
 *
 * `--minutes 10`, `--clients 200`, `--seed N` (printed), `--store redis|embedded` (default: Redis where redis-server is
 * there), `--keep DIR` (the books and the log stay there).
 */
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { noRedis } from '../policy/store/redis-server.ts'
import { forget, soak } from './soak/run.ts'
import type { Result, Soak } from './soak/run.ts'
import type { Reading } from './soak/samples.ts'

/** How much resident memory may grow after the first minute, as a share. */
const MOST_GROWTH = 0.1
/** Of each kind of fault so many are told. */
const TOLD = 8

const settings = readArguments()
if (typeof settings === 'string') {
  console.error(`bench:soak: ${settings}`)
  process.exitCode = 2
} else process.exitCode = await bench(settings.soak, settings.isKept)

async function bench(options: Soak, isKept: boolean): Promise<number> {
  console.log(`${options.clients} clients for ${options.ms / 60_000} minutes, ${options.store} store, seed ${options.seed}`)
  console.log('seconds  resident MiB  heap MiB  of MiB  external MiB  descriptors  tunnels  late ms')
  const result = await soak({ ...options, watch: reading => console.log(row(reading)) })
  if (!isKept) await forget(options)
  return report(result)
}

function row({ at, resident, heapUsed, heapTotal, external, descriptors, tunnels, delay }: Reading): string {
  return [
    (at / 1000).toFixed(0).padStart(7), mib(resident).padStart(12), mib(heapUsed).padStart(8), mib(heapTotal).padStart(6), mib(external).padStart(12),
    String(descriptors).padStart(11), String(tunnels).padStart(7), delay.toFixed(0).padStart(7),
  ].join('  ')
}

function mib(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1)
}

function report({ store, memory, readings, descriptors, acts, events, stored, edits, warnings, faults }: Result): number {
  const growth = memory.after / memory.before - 1
  const peak = memory.peak / memory.before - 1
  console.log(`acts: ${[...acts].sort((a, b) => b[1] - a[1]).map(([act, count]) => `${count} ${act}`).join(', ')}`)
  console.log(`${store} store: ${events} events, ${stored} files stored, ${edits} edits`)
  console.log(`resident memory: ${mib(memory.before)} MiB in the second minute, ${mib(memory.after)} in the last (${percent(growth)}), at most ${mib(memory.peak)} (${percent(peak)})`)
  console.log(`descriptors: ${descriptors.before} before, at most ${descriptors.most}, ${descriptors.after} after (${descriptors.left})`)
  console.log(`the event loop was at most ${Math.max(...readings.map(({ delay }) => delay)).toFixed(0)} ms late`)
  for (const warning of warnings) console.log(`the log warned ${warning}`)
  const isFlat = growth <= MOST_GROWTH && !memory.dead
  const isClosed = descriptors.after <= descriptors.before
  if (!isFlat) console.log('FAILED  resident memory is not flat')
  if (!isClosed) console.log('FAILED  descriptors are left open')
  for (const [kind, found] of faults) {
    console.log(`FAILED  ${kind}: ${found.length}`)
    for (const each of found.slice(0, TOLD)) console.log(`        ${each}`)
  }
  const isWell = isFlat && isClosed && faults.size === 0
  if (isWell) console.log('ok: memory is flat, no descriptor is left, no decision was wrong, every byte is accounted for')
  return isWell ? 0 : 1
}

function percent(share: number): string {
  return `${share < 0 ? '' : '+'}${(share * 100).toFixed(1)} %`
}

/** The settings, or what is wrong with the arguments. */
function readArguments(): { soak: Soak; isKept: boolean } | string {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '10' }, clients: { type: 'string', default: '200' }, keep: { type: 'string' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 1e6)) },
      store: { type: 'string', default: noRedis() === false ? 'redis' : 'embedded' },
    },
  })
  const [minutes, clients, seed] = [Number(values.minutes), Number(values.clients), Number(values.seed)]
  const { store } = values
  if (!(minutes >= 0.5 && minutes <= 24 * 60)) return `--minutes ${values.minutes} must be a number from 0.5 on`
  if (!Number.isSafeInteger(clients) || clients < 1 || clients > 2_000) return `--clients ${values.clients} must be a whole number up to 2000`
  if (!Number.isSafeInteger(seed) || seed < 0) return `--seed ${values.seed} must be a whole number`
  if (store !== 'redis' && store !== 'embedded') return `--store ${store} must be redis or embedded`
  if (store === 'redis' && noRedis() !== false) return `--store redis: ${String(noRedis())}`
  const dir = values.keep ?? join(tmpdir(), `sluice-soak-${process.pid}`)
  return { isKept: values.keep !== undefined, soak: { ms: minutes * 60_000, clients, seed, store, dir } }
}
