/** The client's processes, as the bench uses them. */
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { ENVIRONMENT } from '../processes.ts'
import type { Way } from './client.ts'
import type { Measured } from './measure.ts'
import type { Order, Report } from './load-process.ts'
import type { Target } from './target.ts'
import type { Duration, Work } from './works.ts'

export interface Outcome extends Measured {
  /** The longest that somebody waited meanwhile who had nothing to do with it; milliseconds, for first contact alone. */
  readonly worstBystander: number | null
}

/** So long for one work, whatever the proxy: the slowest takes a minute for its transfers. */
const MOST_MS = 300_000

export class Load {
  private readonly worker = start()
  private readonly bystander = start()

  /** Rejects where an answer or a content was wrong; then both processes may still be at it, and `close` is all that is left. */
  async run({ pid, proxyPort, originPort, ca, addresses }: Target & Pick<Way, 'addresses'>, work: Work, duration: Duration): Promise<Outcome> {
    const way = { proxyPort, originPort, ca, ...addresses !== undefined && { addresses } }
    const isWatched = work.kind === 'contact'
    if (isWatched) await tell(this.bystander, { do: 'bystand', way }, 'ready')
    const { measured } = await tell(this.worker, { do: 'measure', way, pid, work, duration }, 'measured')
    if (!isWatched) return { ...measured, worstBystander: null }
    const { waits } = await tell(this.bystander, { do: 'stop' }, 'waited')
    return { ...measured, worstBystander: Math.max(...waits) }
  }

  close(): void {
    for (const child of [this.worker, this.bystander]) child.kill('SIGKILL')
  }
}

function start(): ChildProcess {
  return fork(fileURLToPath(new URL('load-process.ts', import.meta.url)), { env: ENVIRONMENT, execArgv: [] })
}

async function tell<Is extends Report['is']>(child: ChildProcess, order: Order, is: Is): Promise<Extract<Report, { is: Is }>> {
  child.send(order)
  const [report] = await once(child, 'message', { signal: AbortSignal.timeout(MOST_MS) }) as [Report]
  if (report.is === 'failed') throw new Error(report.why)
  if (report.is !== is) throw new Error(`the load process says ${report.is} for ${is}`)
  return report as Extract<Report, { is: Is }>
}
