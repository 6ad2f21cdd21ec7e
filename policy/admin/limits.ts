/** How often the API may be called: by an address, before anything of a request is looked at, and with a token. */
import rateLimit from '@fastify/rate-limit'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { SluiceError } from '../errors.ts'
import { sameCaller } from '../same-caller.ts'
import { addressOf } from './actor.ts'
import { CallCounts } from './call-counts.ts'
import type { AdminApp } from './ports.ts'

/** Requests in a minute. */
export interface Limits {
  readonly perToken: number
  readonly perAddress: number
}

const WINDOW_MS = 60_000
type Check = (request: FastifyRequest, reply: FastifyReply) => Promise<void>

/**
 * They are counted in memory, of each kind the 5,000 most recent callers. Both checks throw `admin.too-many-requests`, with `Retry-After`; `token` is for a
 * request whose actor is known.
 */
export async function limitCallers(app: AdminApp, { perToken, perAddress }: Limits): Promise<{ address: Check; token: Check }> {
  await app.register(rateLimit, { global: false, store: CallCounts })
  const limit = (max: number, who: string, keyOf: (request: FastifyRequest) => string): Check => {
    const count = app.createRateLimit({ max, timeWindow: WINDOW_MS, keyGenerator: keyOf })
    return async (request, reply) => {
      const told = await count(request)
      if (told.isAllowed || !told.isExceeded) return
      tellWhen(reply, told.ttl)
      throw new SluiceError('admin.too-many-requests', `More than ${max} requests in a minute came from this ${who}.`,
        `Wait ${Math.ceil(told.ttl / 1_000)} s; admin.limits sets how many there may be.`)
    }
  }
  return {
    address: limit(perAddress, 'address', (request) => sameCaller(addressOf(request))),
    token: limit(perToken, 'token', (request) => request.actor?.author ?? ''),
  }
}

/** RFC 9110 §10.2.3, in whole seconds. */
export function tellWhen(reply: FastifyReply, waitMs: number): void {
  reply.header('retry-after', String(Math.max(1, Math.ceil(waitMs / 1_000))))
}
