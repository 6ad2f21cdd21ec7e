import { randomBytes } from 'node:crypto'
import type { Redis } from 'ioredis'
import { ACCOUNTS } from '../providers/index.ts'
import { chained, headText } from './audit-entry.ts'
import { KEYS, restoringKey, TENANTS_KEYS, tenantsKey } from './keys.ts'
import type { RedisLink } from './redis-link.ts'
import { changedMeanwhile } from './restoration.ts'
import type { Restoration } from './restoration.ts'
import { SCHEMA } from './schema.ts'
import { RESTORE } from './scripts.ts'

/** How many fields one command writes, and how many characters of them, about. */
const FIELDS = 500
const LENGTH = 4_000_000
/** How many revisions are read at once: one may have a megabyte. */
const REVISIONS = 20
/** What a process that ended has left there goes by itself. */
const LEFTOVER_S = 3_600

/**
 * Puts a restoration in place of what a Redis holds: everything is written beside it first, and then takes its place in one step.
 * Rejects with `store.locked`, with nothing changed, where the store is not as it was expected.
 */
export async function restoreRedis(link: RedisLink, restoration: Restoration): Promise<void> {
  const { revisions, tenants, tokens, controls, audit, change, expected } = restoration
  const last = revisions.at(-1)
  const entry = chained(audit?.at(-1) ?? expected.head, change)
  const id = randomBytes(8).toString('hex')
  const beside = (name: string): string => restoringKey(id, name)
  const numbers = new Set(revisions.map(({ revision }) => String(revision)))
  const kept = (await link.ask((redis) => redis.hkeys(KEYS.revisions))).filter((number) => !numbers.has(number))
  const lists: (readonly [key: string, fields: AsyncIterable<Field> | Iterable<Field>])[] = [
    [beside('revisions'), revisions.map((one): Field => [String(one.revision), JSON.stringify(one)])],
    [beside('revisions'), keptRevisions(link, kept)],
    [beside('tokens'), tokens.map((token): Field => [token.id, JSON.stringify(token)])],
    [beside('audit'), (audit ?? []).map((one): Field => [String(one.seq), JSON.stringify(one)])],
    ...ACCOUNTS.map((account) => [
      beside(tenantsKey(account)), tenants.flatMap(({ account: of, id, ...details }): Field[] => of === account ? [[id, JSON.stringify(details)]] : []),
    ] as const),
  ]
  for (const [key, fields] of lists) await write(link, key, fields)
  const keys = ['revisions', 'tokens', 'audit', ...TENANTS_KEYS].map(beside)
  const put = await link.runLong({ lua: RESTORE.lua, keys: [...RESTORE.keys, `${KEYS.audit}:before:${change.at}`, ...keys] },
    expected.head === null ? '' : headText(expected.head), expected.revision, audit === null ? '' : 1,
    entry.seq, JSON.stringify(entry), headText(entry), last?.revision ?? 0, last === undefined ? '' : JSON.stringify(last),
    controls.version === 0 ? '' : JSON.stringify(controls), SCHEMA)
  if (put !== 1) throw changedMeanwhile()
}

type Field = readonly [name: string, value: string]

async function* keptRevisions(link: RedisLink, numbers: readonly string[]): AsyncGenerator<Field> {
  for (let start = 0; start < numbers.length; start += REVISIONS) {
    const page = numbers.slice(start, start + REVISIONS)
    const texts = await link.ask((redis) => redis.hmget(KEYS.revisions, ...page))
    for (const [i, number] of page.entries()) {
      const text = texts[i]
      if (typeof text === 'string') yield [number, text]
    }
  }
}

async function write(link: RedisLink, key: string, fields: AsyncIterable<Field> | Iterable<Field>): Promise<void> {
  let batch: string[] = []
  let length = 0
  const flush = async (): Promise<void> => {
    const given = batch
    batch = []
    length = 0
    if (given.length > 0) await link.ask((redis: Redis) => redis.multi().hset(key, ...given).expire(key, LEFTOVER_S).exec())
  }
  for await (const field of fields) {
    batch.push(...field)
    length += field[1].length
    if (batch.length >= 2 * FIELDS || length >= LENGTH) await flush()
  }
  await flush()
}
