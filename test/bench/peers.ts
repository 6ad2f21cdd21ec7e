/**
 * `npm run bench`: Sluice beside Squid and others, the same clients and the same origin for all, in one go and in turn; writes a table of what each
 * took of the machine into `test/bench/results/`. Nothing fails by time; exits 1 when an answer or a content was wrong.
 *
 * `--quick` (a minute), `--rounds 3`, `--peers Sluice,Squid`, `--works requests-16,tunnels` (their ids, or how these begin),
 * `--out FILE` (`-`: print it).
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { isThere, PEERS, SLUICE, SQUID_OPENING, TUNNEL } from './peers/peers.ts'
import type { Peer } from './peers/peers.ts'
import { report } from './peers/report.ts'
import { runRounds } from './peers/rounds.ts'
import { works } from './peers/works.ts'
import type { NamedWork } from './peers/works.ts'

const settings = readArguments()
if (typeof settings === 'string') {
  console.error(`bench: ${settings}`)
  process.exitCode = 2
} else process.exitCode = await bench(settings)

interface Settings {
  readonly isQuick: boolean
  readonly rounds: number
  readonly peers: readonly Peer[]
  readonly works: readonly NamedWork[]
  readonly out: string | undefined
}

async function bench({ isQuick, rounds, peers, works: chosen, out }: Settings): Promise<number> {
  const began = new Date()
  const results = await runRounds({ rounds, peers, works: chosen, duration: works(isQuick).duration, say: line => console.log(line) })
  const command = isQuick ? 'npm run bench:quick' : 'npm run bench'
  const text = report({ began, command, rounds, works: chosen, results }, SLUICE, { squid: SQUID_OPENING, tunnel: TUNNEL })
  if (out === '-') console.log(`\n${text}`)
  else {
    const file = out ?? join(fileURLToPath(new URL('results', import.meta.url)), `${began.toISOString().slice(0, 10)}-${isQuick ? 'quick' : 'peers'}.md`)
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, text)
    console.log(`\n${text}\nwritten to ${file}`)
  }
  return results.faults.length === 0 ? 0 : 1
}

/** The settings, or what is wrong with the arguments. */
function readArguments(): Settings | string {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false }, rounds: { type: 'string' }, peers: { type: 'string' }, works: { type: 'string' }, out: { type: 'string' },
    },
  })
  const isQuick = values.quick
  const rounds = Number(values.rounds ?? (isQuick ? 1 : 3))
  if (!Number.isSafeInteger(rounds) || rounds < 1) return `--rounds ${values.rounds ?? ''} must be a whole number from 1 on`
  const names = values.peers?.split(',')
  for (const name of names ?? []) {
    if (!PEERS.some(peer => peer.name === name)) return `there is no ${JSON.stringify(name)}; use some of ${PEERS.map(peer => peer.name).join(', ')}`
  }
  const asked = PEERS.filter(({ name }) => names?.includes(name) ?? true)
  for (const { name, program } of asked.filter(peer => !isThere(peer))) console.error(`bench: without ${name}: there is no ${program ?? ''}`)
  const beginnings = values.works?.split(',') ?? ['']
  const chosen = works(isQuick).all.filter(({ id }) => beginnings.some(beginning => id.startsWith(beginning)))
  if (chosen.length === 0) return `--works ${values.works ?? ''} names none of ${works(isQuick).all.map(({ id }) => id).join(', ')}`
  return { isQuick, rounds, peers: asked.filter(isThere), works: chosen, out: values.out }
}
