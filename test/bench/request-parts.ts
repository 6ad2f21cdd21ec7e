/** The stages that a request passes, as a start puts them together, without connections around them. */
import { createSecretKey, randomBytes } from 'node:crypto'
import { pino } from 'pino'
import { Events } from '../../dashboards/events.ts'
import { createMetrics } from '../../dashboards/metrics.ts'
import type { Sink } from '../../dashboards/sinks/sink.ts'
import { loadBuiltin } from '../../policy/builtin.ts'
import { classify } from '../../policy/client-class.ts'
import { compile } from '../../policy/evaluate.ts'
import { ExceptionIndex } from '../../policy/exceptions.ts'
import { Sessions } from '../../policy/sessions.ts'
import { indexTenants } from '../../policy/tenant/allowlist.ts'
import { Bindings } from '../../policy/tenant/bindings.ts'
import { KeySets } from '../../policy/tenant/key-sets.ts'
import { Usage } from '../../policy/usage.ts'
import { Volumes } from '../../policy/volumes.ts'
import { REFUSAL_CODES } from '../../proxy/errors.ts'
import { Exchange } from '../../proxy/exchange.ts'
import type { Arrival } from '../../proxy/exchange.ts'
import { readHead } from '../../proxy/head.ts'
import { checkAgreement } from '../../proxy/identity.ts'
import { judgeExchange } from '../../proxy/judge-exchange.ts'
import type { JudgeParts } from '../../proxy/judge-exchange.ts'
import { loadCatalogue } from '../../proxy/load-catalogue.ts'
import { NO_PEOPLE } from '../../proxy/people/people.ts'
import { AnswerReader } from '../../proxy/read-answer.ts'
import { recordExchange } from '../../proxy/recorder.ts'
import { followAllowlist } from '../../proxy/restrict-headers.ts'
import { Meter } from '../../proxy/stages/meter.ts'
import { TenantFinder } from '../../proxy/tenant-finder.ts'
import { createVia } from '../../proxy/via.ts'

/** How far requests are taken: the last step of `STEPS` that is made. */
export const STEPS = ['head', 'judged', 'metered', 'recorded'] as const
export type Step = (typeof STEPS)[number]

export interface Stages {
  /** Takes one request as far as `until`. */
  run(until: Step): Promise<void>
  close(): Promise<void>
}

const HOST = 'graph.microsoft.com'

/** A small request of an Office program, as most are: nothing but a look at a folder. */
export const RAW_HEADERS = [
  'Host', HOST, 'User-Agent', 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0',
  'Accept', 'application/json', 'Accept-Encoding', 'gzip, deflate, br, zstd', 'Accept-Language', 'en-GB,en;q=0.9',
  'Authorization', `Bearer ${token()}`,
  'client-request-id', '5b3d1f63-9a46-4a0c-8f4e-6f1a2b7cd9e0', 'Connection', 'keep-alive',
]

/** As long as those of Entra, and signed by nobody. */
function token(): string {
  const claims = {
    aud: 'https://graph.microsoft.com', iss: 'https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/', iat: 1_790_000_000, nbf: 1_790_000_000,
    exp: 1_790_004_000, app_displayname: 'Office', appid: 'd3590ed6-52b3-4102-aeff-aad2292ab01c', name: 'Ada', ipaddr: '192.0.2.17',
    scp: 'Files.ReadWrite.All Sites.ReadWrite.All User.Read People.Read Calendars.ReadWrite Mail.ReadWrite Group.Read.All Directory.Read.All profile openid email',
    tid: '72f988bf-86f1-41af-91ab-2d7cd011db47', unique_name: 'ada@contoso.example', upn: 'ada@contoso.example', ver: '1.0', wids: ['b79fbf4d-3ef9-4689-8143-76b194e85509'],
    xms_st: { sub: 'x'.repeat(43) }, xms_tcdt: 1_400_000_000, rh: '0.'.padEnd(60, 'A'), sub: 'y'.repeat(43), oid: '5b3d1f63-9a46-4a0c-8f4e-6f1a2b7cd9e0',
  }
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ typ: 'JWT', alg: 'RS256', kid: 'k'.repeat(27) })}.${part(claims)}.${'s'.repeat(342)}`
}

/** Lines go to `sink`; without one, to nobody, but the queue takes them all the same. */
export function createStages(sink: Sink = NOWHERE): Stages {
  const { catalogue } = loadCatalogue([])
  const metrics = createMetrics({ refusalCodes: REFUSAL_CODES, providers: catalogue.providers })
  const events = new Events([sink])
  const bindings = new Bindings({ key: createSecretKey(randomBytes(32)) })
  const keySets = new KeySets()
  const sessions = new Sessions({})
  const volumes = new Volumes()
  const view = { policy: compile(loadBuiltin('default'), 1), tenants: indexTenants([]), exceptions: new ExceptionIndex([]), controls: { breakGlass: null } }
  const via = createVia()
  const reader = new AnswerReader()
  const parts: JudgeParts = {
    catalogue, classify, sessions, people: NO_PEOPLE, view: () => view,
    tenants: new TenantFinder({ bindings, keySets, asker: null }),
    restrictions: followAllowlist({}, () => NO_TENANTS),
    settings: {
      onError: 'block', now: Date.now, session: key => sessions.get(key), volumes, failed: error => { throw error },
      knowledge: {
        digest: (account, kind, id) => bindings.digest(account, kind, id), get: digest => bindings.get(digest), signature: digest => keySets.signature(digest),
      },
    },
  }
  const recorders = { metrics, events, usage: new Usage(), log: pino({ level: 'silent' }), people: NO_PEOPLE }
  return {
    async run(until) {
      const exchange = new Bare(REQUEST, ARRIVAL)
      const head = readHead(REQUEST, 'https', false)
      exchange.head = head
      via.isOwn(REQUEST.rawHeaders)
      if (ARRIVAL.tunnel !== null) checkAgreement(head, ARRIVAL.tunnel)
      if (until === 'head') return
      const judged = await judgeExchange(parts, reader, exchange, head, null)
      if (until === 'judged') return
      exchange.meter = new Meter(judged, sessions, volumes)
      exchange.judgement = exchange.meter.judgement
      exchange.meter.end()
      if (until === 'metered') return
      answered(exchange)
      recordExchange(exchange, 1, recorders)
    },
    async close() {
      await events.close()
      await sessions.close()
      await bindings.close()
    },
  }
}

function answered(exchange: Exchange): void {
  exchange.connected = true
  exchange.upstreamTls = LEG
  exchange.status = 200
  exchange.bytesDown = 1_000
  exchange.state = 'done'
}

const NO_TENANTS: readonly [] = []
const NOWHERE: Sink = { name: 'nowhere', write: () => Promise.resolve(), reopen: () => undefined, close: () => Promise.resolve() }
const LEG = { version: '1.3', cipher: 'TLS_AES_128_GCM_SHA256' } as const
const PEER = { ip: '192.0.2.17', port: 50_000 }
const ARRIVAL: Arrival = {
  peer: PEER, scheme: 'https', expects: false,
  tunnel: {
    id: '1', peer: PEER, at: 0, startedAt: 0, host: HOST, port: 443, serverName: HOST, tls: LEG, pinned: false,
    destroy: () => undefined, touch: () => undefined,
  },
}
const REQUEST = {
  method: 'GET', url: '/v1.0/me/drive/root/children?$top=200&$select=id,name,size', rawHeaders: RAW_HEADERS,
  httpVersion: '1.1', httpVersionMajor: 1, httpVersionMinor: 1,
}

/** Nobody carries it. */
class Bare extends Exchange {
  readonly local = {}
  readonly isHeldBack = false
  readonly isUnread = false
  probe(): void {}
  destroy(): void {}
}
