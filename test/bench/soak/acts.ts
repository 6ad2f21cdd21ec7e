/** What a soak's clients do, by weight: two thirds of them behave, one third does not. */
import type { Client } from './client.ts'
import { signIn, takeToken, uploadDropbox, uploadRanges, uploadResumable, uploadSession } from './files.ts'
import { NUISANCES } from './nuisances.ts'
import { FLIPPED, LIMIT, LIMITED } from './policy.ts'
import { chat, download, passTunnel, sendAhead, uploadStreams } from './streams.ts'

export interface Tokens {
  readonly own: string | null
  readonly foreign: string | null
  readonly google: string | null
  readonly microsoft: string | null
}

export const NO_TOKENS: Tokens = { own: null, foreign: null, google: null, microsoft: null }

/** Signs in where that was not done, and now and then again. */
export async function renew(client: Client, tokens: Tokens, isGood: boolean): Promise<Tokens> {
  const has = (token: string | null): token is string => token !== null && !client.random.chance(0.02)
  const own = has(tokens.own) ? tokens.own : await signIn(client, 'contoso')
  if (!isGood) return { ...tokens, own }
  return {
    own,
    foreign: has(tokens.foreign) ? tokens.foreign : await signIn(client, 'fabrikam'),
    google: has(tokens.google) ? tokens.google : await takeToken(client, 'google'),
    microsoft: has(tokens.microsoft) ? tokens.microsoft : await takeToken(client, 'microsoft'),
  }
}

export async function misbehave(client: Client, { own }: Tokens): Promise<void> {
  if (own === null) return
  try {
    await client.random.pick(NUISANCES)(client, own)
  } catch (error) {
    // A nuisance may be turned away before it has begun.
    client.ledger.note({ is: 'nuisance', act: `not begun: ${error instanceof Error ? error.message : String(error)}` })
  }
}

type Act = (client: Client, tokens: { own: string; foreign: string; google: string; microsoft: string }, tunnelCa: string) => Promise<void>

const ACTS: readonly (readonly [weight: number, act: Act])[] = [
  [20, (c, t) => uploadDropbox(c, { act: 'small', expected: 'passed', must: 'be', token: t.own, size: c.random.between(0, 64_000) })],
  [3, (c, t) => uploadDropbox(c, {
    act: 'large', expected: 'passed', must: 'be', token: t.own, size: c.random.between(1_000_000, 8_000_000),
    ...c.random.chance(0.3) && { headers: { expect: '100-continue' } },
  })],
  [10, (c, t) => uploadDropbox(c, {
    act: 'chunked', expected: 'passed', must: 'be', token: t.own, size: c.random.between(1, 1_000_000), body: { chunked: true },
  })],
  [4, (c, t) => uploadDropbox(c, {
    act: 'slow-writer', expected: 'passed', must: 'be', token: t.own, size: c.random.between(10_000, 200_000),
    body: { pieces: 10, pauseMs: 500, chunked: c.random.chance(0.5) },
  })],
  [8, (c, t) => uploadDropbox(c, { act: 'foreign', expected: 'blocked', must: 'not', token: t.foreign, size: c.random.between(1, 1_000_000) })],
  [3, c => uploadDropbox(c, { act: 'unknown', expected: 'blocked', must: 'not', token: c.newToken('fabrikam'), size: c.random.between(1, 1_000_000) })],
  [4, (c, t) => uploadDropbox(c, {
    act: 'too-large', expected: 'cut', must: 'not', token: t.own, size: c.random.between(LIMIT + 1, 4 * LIMIT), prefix: LIMITED, body: { chunked: true },
  })],
  [2, (c, t) => uploadDropbox(c, {
    act: 'declared-too-large', expected: 'blocked', must: 'not', token: t.own, size: c.random.between(LIMIT, 2 * LIMIT), prefix: LIMITED,
  })],
  [3, (c, t) => uploadDropbox(c, {
    act: 'just-small-enough', expected: 'passed', must: 'be', token: t.own, size: c.random.between(1, LIMIT - 1), prefix: LIMITED, body: { chunked: true },
  })],
  [6, (c, t) => uploadDropbox(c, { act: 'flipped', expected: 'either', must: 'may', token: t.own, size: c.random.between(1, 50_000), prefix: FLIPPED })],
  [6, (c, t) => uploadSession(c, t.own)],
  [5, (c, t) => uploadResumable(c, t.google)],
  [5, (c, t) => uploadRanges(c, t.microsoft)],
  [5, (c, t) => uploadStreams(c, t.own)],
  [12, c => download(c, c.random.between(0, 300_000))],
  [2, c => download(c, c.random.between(300_000, 3_000_000))],
  [3, c => download(c, c.random.between(200_000, 1_000_000), 100_000)],
  [8, (c, _t, tunnelCa) => passTunnel(c, tunnelCa)],
  [5, (c, t) => chat(c, t.own)],
  [3, (c, t) => sendAhead(c, t.own)],
]

export async function behave(client: Client, tokens: Tokens, tunnelCa: string): Promise<void> {
  const { own, foreign, google, microsoft } = tokens
  if (own === null || foreign === null || google === null || microsoft === null) throw new Error('could not sign in')
  await client.random.pick(ACTS)(client, { own, foreign, google, microsoft }, tunnelCa)
}
