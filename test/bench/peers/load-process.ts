/** The client, in a process of its own: does what the parent says, one thing at a time. */
import { createSecureContext } from 'node:tls'
import type { Way } from './client.ts'
import { bystand, measure } from './measure.ts'
import type { Measured } from './measure.ts'
import type { Duration, Work } from './works.ts'

/** What the parent asks for; `pid` is the proxy. */
export type Order =
  | { readonly do: 'measure'; readonly way: PlainWay; readonly pid: number; readonly work: Work; readonly duration: Duration }
  | { readonly do: 'bystand'; readonly way: PlainWay }
  | { readonly do: 'stop' }

export interface PlainWay extends Omit<Way, 'context'> {
  /** Whom the client believes, PEM. */
  readonly ca: string
}

export type Report =
  | { readonly is: 'ready' }
  | { readonly is: 'measured'; readonly measured: Measured }
  | { readonly is: 'waited'; readonly waits: readonly number[] }
  | { readonly is: 'failed'; readonly why: string }

let isStopped = false
process.on('message', (order: Order) => void obey(order).then(tell, (error: unknown) => {
  tell({ is: 'failed', why: error instanceof Error ? error.message : String(error) })
}))
process.once('disconnect', () => process.exit())

async function obey(order: Order): Promise<Report | null> {
  if (order.do === 'stop') {
    isStopped = true
    return null
  }
  const { ca, ...way } = order.way
  const whole: Way = { ...way, context: createSecureContext({ ca }) }
  if (order.do === 'measure') return { is: 'measured', measured: await measure(whole, order.pid, order.work, order.duration) }
  isStopped = false
  return { is: 'waited', waits: await bystand(whole, () => tell({ is: 'ready' }), () => isStopped) }
}

function tell(report: Report | null): void {
  if (report !== null) process.send?.(report)
}
