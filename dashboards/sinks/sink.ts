/** Where events go. `Events` keeps the queue, so a sink only has to write what it is handed. */
export interface Sink {
  /** For log lines, its type first: `file ./data/events.ndjson`. */
  readonly name: string
  /** Takes whole NDJSON lines. Rejects when they could not be written; the same lines are then offered again. */
  write(lines: string): Promise<void>
  /** Before its next write, lets go of what is open: a rotated file is then written anew. */
  reopen(): void
  close(): Promise<void>
}
