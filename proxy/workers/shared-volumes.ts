/** What workers tell of what counts for `volume`, as the process that has started them knows it: for those that come later, and after those that end. */
import type { Volumes } from '../../policy/volumes.ts'
import type { VolumeKind } from '../open-base.ts'
import type { Past, Sent } from './messages.ts'

export class SharedVolumes<Worker extends object> {
  readonly #volumes: Readonly<Record<VolumeKind, Volumes>>
  /** What each has on its way, by name. */
  readonly #onWay = new WeakMap<Worker, Map<string, Sent>>()

  constructor(volumes: Readonly<Record<VolumeKind, Volumes>>) {
    this.#volumes = volumes
  }

  take(worker: Worker, sent: readonly Sent[]): void {
    const own = this.#onWay.get(worker) ?? new Map<string, Sent>()
    this.#onWay.set(worker, own)
    for (const one of sent) {
      const { of, key, onWay } = one
      this.#volumes[of].learn(key, one)
      if (onWay === 0) continue
      const name = `${of} ${key}`
      const now = onWay + (own.get(name)?.onWay ?? 0)
      if (now === 0) own.delete(name)
      else own.set(name, { of, key, bytes: 0, onWay: now })
    }
  }

  /** Nothing of a worker that has ended is on its way any more: what the others are to be told of that. */
  gone(worker: Worker): Sent[] {
    const back = [...this.#onWay.get(worker)?.values() ?? []].map((one) => ({ ...one, onWay: -one.onWay }))
    this.take(worker, back)
    return back
  }

  /** For one that begins. */
  past(): Past {
    return { bodies: this.#volumes.bodies.past(), tunnels: this.#volumes.tunnels.past() }
  }
}
