/** The stand-in providers in a process of their own: tells its parent where they are, and ends with it. */
import { startOrigin } from '../origin/origin.ts'

/** What the process sends once, when it listens. */
export interface OriginAddress {
  readonly caFile: string
  readonly controlUrl: string
  readonly upstreamHosts: Readonly<Record<string, string>>
}

const origin = await startOrigin()
const address: OriginAddress = { caFile: origin.caFile, controlUrl: origin.controlUrl, upstreamHosts: origin.upstreamHosts() }
process.once('disconnect', () => void origin.close())
process.send?.(address)
