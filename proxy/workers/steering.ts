/**
 * Has the kernel give each client's connections to its worker, so that this process need not: each worker has a listening socket of its own
 * at every address. This process keeps them open as well, but takes nothing from them: they outlive a worker, what came for it waits for the
 * one that takes its place, and their order is always the same.
 */
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import { randomInt } from 'node:crypto'
import type { Kernel } from './kernel.ts'
import { steeringProgram } from './steering-program.ts'

/** A socket as Node has it inside; `node:cluster` hands these to workers too. */
export interface Handle {
  readonly fd: number
  close(): void
}

/** Of libuv: several sockets may have the port. */
const UV_TCP_REUSEPORT = 2

/** `_createServerHandle`: binds, and does not listen; answers an error's number. Node's own cluster module stands on it. */
interface Inner {
  readonly _createServerHandle?: (address: string, port: number, family: 4 | 6, fd: -1, flags: number) => Handle | number
}

export class Steering {
  readonly #kernel: Kernel
  readonly #seed = randomInt(2 ** 32)
  /** By address, then by slot. */
  readonly #handles: Handle[][] = []

  /** Listens. Throws where the system does not do it, and nothing is open then. */
  constructor(kernel: Kernel, addresses: readonly AddressInfo[], count: number) {
    this.#kernel = kernel
    try {
      for (const address of addresses) {
        const handles: Handle[] = []
        this.#handles.push(handles)
        for (let slot = 0; slot < count; slot++) handles.push(bound(address))
        // The kernel numbers them as they begin to listen.
        for (const { fd } of handles) kernel.listen(fd)
      }
      this.follow(Array.from({ length: count }, () => true))
    } catch (error) {
      this.close()
      throw error
    }
  }

  /** What the worker of a slot listens at, in the order of the addresses. */
  of(slot: number): Handle[] {
    return this.#handles.flatMap((handles) => handles[slot] ?? [])
  }

  /** By slot, which workers take connections. */
  follow(ready: readonly boolean[]): void {
    const program = steeringProgram(this.#seed, ready)
    for (const [first] of this.#handles) if (first !== undefined) this.#kernel.steer(first.fd, program)
  }

  close(): void {
    for (const handle of this.#handles.flat()) handle.close()
    this.#handles.length = 0
  }
}

function bound({ address, port, family }: AddressInfo): Handle {
  const handle = (net as Inner)._createServerHandle?.(address, port, family === 'IPv6' ? 6 : 4, -1, UV_TCP_REUSEPORT)
  if (handle === undefined || typeof handle === 'number') throw new Error(`a socket could not be bound: ${handle ?? 'no such function'}`)
  return handle
}
