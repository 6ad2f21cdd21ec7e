/**
 * Who is there at the moment, where members come and go by the thousand. A `Set` makes a new table every few members, and V8 has each old
 * table point to the next: once one of them has grown old, all that are made after it, and whoever stood in them, outlive the collections
 * that are cheap. Of a small request, half of all bytes did.
 */
export class Roster<T> {
  readonly #seats: Seat<T>[] = []

  get size(): number {
    return this.#seats.length
  }

  /** What comes back is for `leave`. */
  join(member: T): Seat<T> {
    const seat: Seat<T> = { member, at: this.#seats.length }
    this.#seats.push(seat)
    return seat
  }

  /** False: it had left before. */
  leave(seat: Seat<T>): boolean {
    if (this.#seats[seat.at] !== seat) return false
    const last = this.#seats.pop()
    if (last !== undefined && last !== seat) {
      last.at = seat.at
      this.#seats[seat.at] = last
    }
    return true
  }

  /** Who is there now; some may leave while the others are looked at. */
  seats(): Seat<T>[] {
    return [...this.#seats]
  }

  /** The same without their seats. */
  values(): T[] {
    return this.#seats.map(({ member }) => member)
  }
}

export interface Seat<T> {
  readonly member: T
  /** Its place; another takes it when somebody leaves. */
  at: number
}
