/** What the clients of a soak write down of all that they do; lines of NDJSON, each with its time, read by the judge when all is over. */
import { createWriteStream } from 'node:fs'
import { readFile } from 'node:fs/promises'

/**
 * What must become of a request. `passed`: it is answered by the origin. `blocked`: by its head alone. `cut`: in the midst of
 * its body. `broken`: its client left or spoilt it. `refused`: answered by Sluice, whatever the policy says. `either`: as the
 * revision in force says.
 */
export type Expected = 'passed' | 'blocked' | 'cut' | 'broken' | 'refused' | 'either'

/** One request, by the id that it carries as its User-Agent. Bytes are of bodies, without framing. */
export interface Asked {
  readonly is: 'asked'
  readonly id: string
  readonly act: string
  readonly protocol: 'http/1.1' | 'h2' | 'websocket'
  readonly expected: Expected
  /** Handed to the connection; all that Sluice can have seen. */
  readonly up: number
  readonly down: number
  /** Null: no answer came. */
  readonly status: number | null
  /** The answer came to its end, and was what it had to be. */
  readonly whole: boolean
  readonly error?: string
}

/** What the origins must hold in the end. `be`: exactly this; `not`: nothing under this name; `may`: this or nothing. */
export interface File {
  readonly is: 'file'
  readonly id: string
  readonly act: string
  readonly name: string
  readonly must: 'be' | 'not' | 'may'
  readonly size: number
  readonly sha256: string
}

/** One tunnel that is not opened. Bytes are those within it, TLS and all. */
export interface Tunnelled {
  readonly is: 'tunnelled'
  readonly id: string
  readonly up: number
  readonly down: number
  /** Both sides ended it in order, so that every byte must have arrived. */
  readonly whole: boolean
  readonly error?: string
}

/** A CONNECT that must be refused, for the reason that its event tells. */
export interface TurnedAway {
  readonly is: 'turned-away'
  readonly act: string
  readonly reason: string
  /** The client waited for the refusal, so that there must be an event; else there may be one. */
  readonly seen: boolean
}

/** What a misbehaving client has done that leaves no more trace than this. */
export interface Nuisance {
  readonly is: 'nuisance'
  readonly act: string
}

/** A client that could not do what it was entitled to. */
export interface Failure {
  readonly is: 'failure'
  readonly act: string
  readonly client: string
  readonly error: string
}

export type Entry = Asked | File | Tunnelled | TurnedAway | Nuisance | Failure

export interface Ledger {
  readonly note: (entry: Entry) => void
  readonly close: () => Promise<void>
}

export function openLedger(path: string): Ledger {
  const stream = createWriteStream(path)
  return {
    note: entry => { stream.write(`${JSON.stringify({ at: new Date(), ...entry })}\n`) },
    close: () => new Promise(resolve => stream.end(() => resolve())),
  }
}

/** Lines of NDJSON that this bench or Sluice has written. */
export async function readLines<T>(path: string): Promise<T[]> {
  const text = await readFile(path, 'utf8')
  return text.split('\n').filter(line => line !== '').map(line => JSON.parse(line) as T)
}
