import { randomUUID } from 'node:crypto'
import type { Exchange } from './exchange.ts'
import { Refusal } from './refusal.ts'

/** Answers with a refusal in Graph's form; throws what is none. */
export async function sendGraphError(exchange: Exchange, error: unknown): Promise<void> {
  const refusal = error instanceof SyntaxError ? new Refusal(400, 'invalidRequest', error.message) : error
  if (!(refusal instanceof Refusal)) throw error
  const innerError = { 'request-id': randomUUID(), date: new Date().toISOString() }
  const { status, code, message, headers } = refusal
  await exchange.json(status, { error: { code, message, innerError } }, headers)
}
