/** What the engine is given: all that a request needs on its way, constructed in `main`. */
import type { Catalogue } from '../policy/providers/index.ts'
import type { RestrictionHeaders } from '../policy/restrictions.ts'
import type { Sessions } from '../policy/sessions.ts'
import type { Held } from './break-glass.ts'
import type { Offers } from './coach/offers.ts'
import type { Exchange } from './exchange.ts'
import type { Head } from './head.ts'
import type { JudgeParts } from './judge-exchange.ts'
import type { TenantLearnerParts } from './learn-tenant.ts'
import type { OpenLimits } from './open-limits.ts'
import type { Authenticate } from './people/open-people.ts'
import type { RefusalText } from './refusal.ts'
import type { VolumeCounts } from './stages/meter.ts'
import type { UnderWay } from './under-way.ts'
import type { Upstream } from './upstream.ts'
import type { Via } from './via.ts'

export interface EngineParts extends JudgeParts {
  readonly upstream: Upstream
  /** Knows what this process has forwarded itself. */
  readonly via: Via
  /** Proves who sends a plain request; null: nobody need say. Inside a tunnel its CONNECT has said it. */
  readonly authenticate: Authenticate | null
  readonly sessions: Sessions
  readonly volumes: VolumeCounts
  /** Whether the store may hold something newer than what `view` gives. */
  readonly isStale: () => boolean
  readonly underWay: UnderWay
  readonly limits: Pick<OpenLimits, 'numbers' | 'memory' | 'requests' | 'ended'>
  /** The tenant restrictions that the allowlist makes. */
  readonly restrictions: () => RestrictionHeaders
  /** Every provider, those that are not opened included: in whose form refusals speak, and to whose pages. */
  readonly providers: Catalogue
  /** Where tenants are learned from answers; null where they are not. */
  readonly learn: TenantLearnerParts | null
  /** Takes a request that passes because of break-glass alone; it is ended when that ends. */
  readonly hold: (request: Held) => void
  /** Told of what went wrong within and ended one request, for the log. */
  readonly defect: (error: unknown) => void
  /** Called exactly once for each request. */
  readonly record: (exchange: Exchange) => void
  readonly refusalText: RefusalText
  /** Keeps what was refused, for whoever may ask for an exception from it. */
  readonly offers: Pick<Offers, 'note'>
  /** Bytes above which a body that nothing explains is an upload. */
  readonly unexplainedLimit: number
  /** Whether a host's connections may be everybody's. */
  readonly isShared: (host: string) => boolean
  readonly checkDestination: (head: Head) => void
}
