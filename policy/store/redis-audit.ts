import { setTimeout as sleep } from 'node:timers/promises'
import { SluiceError } from '../errors.ts'
import { chained, headText, parseEntry, parseHead } from './audit-entry.ts'
import type { AuditEntry, AuditHead, Change } from './audit-entry.ts'
import { corrupt } from './corrupt.ts'
import { KEYS } from './keys.ts'
import { parseJson } from './records.ts'
import type { RedisLink } from './redis-link.ts'
import { checkSchema } from './schema.ts'
import type { Script } from './scripts.ts'
import { Turns } from './turns.ts'

/** How often a change is tried anew when others come between. */
const ATTEMPTS = 200
/** Waits grow to this, so that many writers do not meet again and again. */
const WAIT_MOST_MS = 50
/** How many entries are asked for at once. */
const PAGE = 1_000

/** What a change is given with the entry of it. */
export interface Made {
  readonly change: Change
  readonly args: readonly (string | number)[]
}

/** The audit log in Redis: a hash of entries by number, and in its field `head` where it ends. */
export class RedisAudit {
  readonly #link: RedisLink
  // Writers of one process take turns, so that they do not make each other try anew.
  readonly #turns = new Turns()
  /** The end as it was seen last; another may have come since, which the scripts notice. */
  #head: AuditHead | null | undefined

  constructor(link: RedisLink) {
    this.#link = link
  }

  /**
   * Runs an `audited` script and resolves its answer. `make` is asked again for each attempt, after the head of that attempt
   * was known: so what it reads is what the change will find, unless another tool writes. `isLong`: see `RedisLink.runLong`.
   */
  run(script: Script, make: () => Made | Promise<Made>, isLong = false): Promise<unknown> {
    return this.#turns.take(async () => {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        if (attempt > 1) await sleep(Math.random() * Math.min(WAIT_MOST_MS, attempt * 2))
        const head = this.#head === undefined ? await this.head() : this.#head
        const { change, args } = await make()
        const entry = chained(head, change)
        const given = [head === null ? '' : headText(head), entry.seq, JSON.stringify(entry), headText(entry), ...args]
        const answer = await (isLong ? this.#link.runLong(script, ...given) : this.#link.run(script, ...given))
        if (Array.isArray(answer) && answer[0] === 'newer') checkSchema(answer[1], KEYS.schema)
        if (!Array.isArray(answer) || answer[0] !== 'late') {
          // Whether the script appended is for it to know: what it found unchanged leaves the head as it was.
          this.#head = undefined
          if (isAppended(answer)) this.#head = { seq: entry.seq, hash: entry.hash }
          return answer
        }
        const found = parse(answer[1])
        // The same head again: there is an entry behind the end, which nobody may write over.
        if (found?.seq === head?.seq && found?.hash === head?.hash) throw corrupt(KEYS.audit, `there is an entry after its head, ${entry.seq}`)
        this.#head = found
      }
      throw new SluiceError('store.locked', `${KEYS.audit} is being changed by others all the time.`, 'Try again.')
    })
  }

  async head(): Promise<AuditHead | null> {
    return parse(await this.#link.ask((redis) => redis.hget(KEYS.audit, 'head')))
  }

  /** Entries from `from` to the end, at most `limit`; one that is gone is left out. */
  async page(from: number, limit: number): Promise<AuditEntry[]> {
    const end = (await this.head())?.seq ?? 0
    const found: AuditEntry[] = []
    for (let start = from; start <= end && found.length < limit;) {
      const count = Math.min(limit - found.length, end - start + 1, PAGE)
      const fields = Array.from({ length: count }, (_, i) => String(start + i))
      const texts = await this.#link.ask((redis) => redis.hmget(KEYS.audit, ...fields))
      for (const [i, text] of texts.entries()) {
        const where = `${KEYS.audit} ${start + i}`
        if (text === null) continue
        const entry = parseEntry(parseJson(text, where), where)
        if (entry.seq !== start + i) throw corrupt(where, `it says entry ${entry.seq}`)
        found.push(entry)
      }
      start += count
    }
    return found
  }

  /** Waits for what was asked for. */
  done(): Promise<void> {
    return this.#turns.done()
  }
}

function isAppended(answer: unknown): boolean {
  const first: unknown = Array.isArray(answer) ? answer[0] : answer
  return typeof first === 'number' && first > 0
}

function parse(text: unknown): AuditHead | null {
  if (text === null || text === '') return null
  const head = typeof text === 'string' ? parseHead(text) : undefined
  if (head === undefined) throw corrupt(`${KEYS.audit} head`, 'it is not a number and a hash')
  return head
}
