/** The clients of a soak, in a process of their own: starts them all, lets them go on until the time is over, and ends. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { behave, misbehave, NO_TOKENS, renew } from './acts.ts'
import type { Tokens } from './acts.ts'
import { Client } from './client.ts'
import { openLedger } from './ledger.ts'

/** What the parent sends once. */
export interface Load {
  readonly proxy: string
  readonly caFile: string
  readonly tunnelCa: string
  readonly clients: number
  readonly users: number
  /** How long, from now on. */
  readonly ms: number
  readonly seed: number
  readonly ledger: string
}

/** How long a client rests between two acts, at most; the mean is half of it. */
const REST_MS = 10_000
/** Every so many clients one means no good. */
const BAD_EVERY = 3

const [load] = await once(process, 'message') as [Load]
const ledger = openLedger(load.ledger)
const ca = readFileSync(load.caFile, 'utf8')
const until = performance.now() + load.ms
await Promise.all(Array.from({ length: load.clients }, (_, n) => live(n)))
await ledger.close()
process.disconnect()

async function live(n: number): Promise<void> {
  const user = n % load.users
  const client = new Client(`c${n}`, {
    proxy: load.proxy, from: `127.1.${n >> 8}.${1 + (n & 255)}`, ca,
    credential: `Basic ${Buffer.from(`user-${user}:password-${user}`).toString('base64')}`,
  }, load.seed * 1_000 + n, ledger)
  const act = n % BAD_EVERY === BAD_EVERY - 1 ? misbehave : behave
  let tokens: Tokens = NO_TOKENS
  // They do not all come at once.
  await client.pause(client.random.between(0, Math.min(10_000, load.ms / 4)))
  while (performance.now() < until) {
    try {
      tokens = await renew(client, tokens, act === behave)
      await act(client, tokens, load.tunnelCa)
    } catch (error) {
      ledger.note({ is: 'failure', act: act.name, client: client.name, error: error instanceof Error ? error.message : String(error) })
    }
    if (client.random.chance(0.1)) client.leave()
    await client.pause(client.random.between(0, Math.max(0, Math.min(REST_MS, until - performance.now()))))
  }
  client.close()
}
