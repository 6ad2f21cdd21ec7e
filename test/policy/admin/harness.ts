import { once } from 'node:events'
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'
import type { Test } from 'tap'
import { buildAdmin } from '../../../policy/admin/admin.ts'
import type { AdminPorts } from '../../../policy/admin/admin.ts'
import type { DescribedRequest, Explanation } from '../../../policy/admin/explain.ts'
import { mintToken } from '../../../policy/admin/tokens.ts'
import { SluiceError } from '../../../policy/errors.ts'
import { Simulation } from '../../../policy/simulate.ts'
import { openSnapshot } from '../../../policy/snapshot.ts'
import type { Snapshot } from '../../../policy/snapshot.ts'
import { openStore } from '../../../policy/store/open.ts'
import { ROLES } from '../../../policy/store/store.ts'
import type { Role, Store } from '../../../policy/store/store.ts'
import { BY, policyOf } from '../store/contract.ts'
import { watchAnswers } from './truth.ts'

export interface Admin {
  readonly app: FastifyInstance
  readonly ports: AdminPorts
  readonly store: Store
  readonly snapshot: Snapshot
  readonly secrets: Readonly<Record<Role, string>>
  readonly lines: string[]
  readonly described: DescribedRequest[]
  /** Answers that are not what `/openapi.json` says; `send` throws at the first. */
  readonly lies: string[]
  /** Sends a request with a token of a role (`null`: none). */
  send(role: Role | null, options: InjectOptions): Promise<LightMyRequestResponse>
}

/** An admin API over an embedded store at revision 1, with a token of each role. */
export async function startAdmin(t: Test, ports: Partial<AdminPorts> = {}): Promise<Admin> {
  const store = await openStore(`embedded:${t.testdir()}`)
  const secrets: Partial<Record<Role, string>> = {}
  for (const role of ROLES) {
    const { secret, stored } = mintToken(role, `the ${role}`)
    secrets[role] = secret
    await store.putToken(stored, BY)
  }
  const snapshot = await openSnapshot({
    store, fallback: policyOf('first'), strict: policyOf('strict'), cacheFile: null, required: true, late: 'block', log: () => undefined,
  })
  const lines: string[] = []
  const described: DescribedRequest[] = []
  const handed: AdminPorts = {
    store, snapshot, version: '1.2.3', console: new Map(),
    tokens: () => store.tokens(),
    refused: () => undefined,
    // Tests ask faster than people do.
    access: { limits: { perToken: 100_000, perAddress: 100_000 }, trustedPeers: [], tls: null, oidc: null },
    explain: (request) => {
      described.push(request)
      return explanation(request)
    },
    events: {
      page: async () => ({ events: [EVENT], next: 7, source: 'files' }),
      find: (id) => id === 'wait' ? new Promise(() => undefined) : Promise.resolve(id === EVENT.event.id ? EVENT : null),
      follow: async function* ({ rule }, signal) {
        yield EVENT
        if (rule === 'wait') await once(signal, 'abort')
      },
      namesOf: (user) => [user.toLowerCase()],
      pseudonymOf: async () => 'u-1',
      erase: async () => ({ erased: 3, unread: [] }),
    },
    simulate: async ({ draft, against }, signal, onProgress) => {
      onProgress({ events: 0, bytes: 0, totalBytes: 10 })
      if (draft.rules[0]?.message === 'wait') await once(signal, 'abort')
      if (draft.rules[0]?.message === 'busy') throw new SluiceError('simulate.busy', 'A simulation is running', 'Wait')
      return new Simulation({ draft, current: draft, against, late: 'block' }).result()
    },
    usage: () => [],
    metrics: async () => ({ contentType: 'text/plain; version=0.0.4; charset=utf-8', body: 'sluice_up 1\n' }),
    ready: () => ({ ready: true, degraded: false, checks: { store: 'up' } }),
    log: (level, message) => lines.push(`${level} ${message}`),
    ...ports,
  }
  const app = buildAdmin(handed)
  const lies = watchAnswers(app)
  t.teardown(async () => {
    await app.close()
    snapshot.close()
    await store.close()
  })
  const all = { viewer: '', editor: '', admin: '', telemetry: '', ...secrets }
  return {
    app, ports: handed, store, snapshot, secrets: all, lines, described, lies,
    send: async (role, options) => {
      const answer = await app.inject({
        ...options, headers: { ...(role === null ? {} : { authorization: `Bearer ${all[role]}` }), ...options.headers },
      })
      if (lies.length > 0) throw new Error(lies.join('\n'))
      return answer
    },
  }
}

export const EVENT = { '@timestamp': '2026-11-30T12:00:00.000Z', event: { id: 'an-event', action: 'upload', sequence: 8 } }

/** The same store with some methods of another making. */
export function storeWith(store: Store, others: Partial<Store>): Store {
  return new Proxy(store, {
    get(target, name) {
      const own: unknown = Reflect.get(others, name) ?? Reflect.get(target, name)
      return typeof own === 'function' ? own.bind(target) : own
    },
  })
}

function explanation({ url }: DescribedRequest): Explanation {
  return {
    operation: null, tenant: null, client: { class: 'cli' },
    decision: { action: url.includes('bad') ? 'block' : 'allow', ruleId: null, revision: 1, reasons: ['default'] }, trace: [],
  }
}
