import { statSync, watch } from 'node:fs'
import type { FSWatcher } from 'node:fs'
import { stat } from 'node:fs/promises'
import { errnoOf } from './files.ts'
import type { Log } from './log.ts'

/** Half of the second within which a change must be noticed, so that a lost event costs one round at most. */
const POLL_MS = 500
/** One replacement causes several events; they are looked at together. */
const SETTLE_MS = 20

/**
 * Tells of changes to some files. The system's events make it quick; looking at the files' times and inode
 * numbers twice a second makes it certain (events get lost on network file systems and when queues overflow).
 */
export class DirectoryWatch {
  readonly #dirs: readonly string[]
  readonly #paths: readonly string[]
  readonly #changed: () => void
  readonly #log: Log
  readonly #watchers: FSWatcher[] = []
  #timer: NodeJS.Timeout | undefined
  #settle: NodeJS.Timeout | undefined
  #seen: string

  /** Starts at once: what changes after the constructor has returned is told. */
  constructor(options: { dirs: readonly string[]; paths: readonly string[]; changed: () => void; log: Log }) {
    this.#dirs = options.dirs
    this.#paths = options.paths
    this.#changed = options.changed
    this.#log = options.log
    this.#seen = this.#paths.map((path) => mark(statSync(path, { bigint: true, throwIfNoEntry: false }))).join(' ')
    for (const dir of this.#dirs) this.#listen(dir)
    this.#timer = setInterval(() => this.#look(), POLL_MS).unref()
  }

  /** Looks soon; for who has just written itself. */
  nudge(): void {
    if (this.#timer === undefined) return
    this.#settle ??= setTimeout(() => {
      this.#settle = undefined
      this.#look()
    }, SETTLE_MS).unref()
  }

  close(): void {
    clearInterval(this.#timer)
    clearTimeout(this.#settle)
    this.#timer = undefined
    for (const watcher of this.#watchers) watcher.close()
  }

  #listen(dir: string): void {
    const lost = (error: unknown): void =>
      this.#log('warn', `No change events for ${dir} (${errnoOf(error) ?? 'unknown error'}); it is looked at every ${POLL_MS} ms instead`)
    try {
      this.#watchers.push(watch(dir, { persistent: false }, () => this.nudge()).on('error', lost))
    } catch (error) {
      lost(error)
    }
  }

  #look(): void {
    const marks = this.#paths.map((path) => stat(path, { bigint: true }).then(mark, (error: unknown) => {
      return errnoOf(error) === 'ENOENT' ? mark(undefined) : `unreadable:${errnoOf(error) ?? ''}`
    }))
    void Promise.all(marks).then((found) => {
      const now = found.join(' ')
      if (this.#timer === undefined || now === this.#seen) return
      this.#seen = now
      this.#changed()
    })
  }
}

function mark(found: { mtimeNs: bigint; size: bigint; ino: bigint } | undefined): string {
  return found === undefined ? '-' : `${found.mtimeNs}:${found.size}:${found.ino}`
}
