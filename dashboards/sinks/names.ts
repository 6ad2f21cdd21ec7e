/** Names of event files: `events.ndjson` is written, `events-2026-11-30.1.ndjson` was the first one full on that day. */
import { constants } from 'node:fs'
import { lstat, open, readdir } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { basename, dirname, extname, join } from 'node:path'
import { ifThere } from '../if-there.ts'
import { peekLine } from '../peek-line.ts'

export interface EventFile {
  readonly path: string
  readonly name: string
  /** What tells a file from others under any name. */
  readonly identity: string
  readonly bytes: number
  readonly mtimeMs: number
  /** `rotated`: under a name that the sink gave; `other`: under one that a log rotation gives. */
  readonly kind: 'current' | 'rotated' | 'other'
  /** Of its first event; 0 where that tells none. */
  readonly first: number
}

/** UTC, `2026-11-30`. */
export function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}

export function rotatedName(current: string, day: string, n: number): string {
  const extension = extname(current)
  return `${basename(current, extension)}-${day}.${n}${extension}`
}

/** The highest number that a rotated file of the day has; 0: there is none. */
export async function highestNumber(current: string, day: string): Promise<number> {
  const { rotated } = patternsOf(current)
  const numbers = (await readdir(dirname(current))).map(name => rotated.exec(name)).filter(match => match?.[1] === day)
  return numbers.reduce((highest, match) => Math.max(highest, Number(match?.[2])), 0)
}

/** Opens a file for reading; a symbolic link in its place is refused, for it could name any file. */
export function openToRead(path: string): Promise<FileHandle> {
  return open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
}

/** The files that belong to a sink, the oldest events first, each once. Compressed ones are not read. */
export async function eventFiles(current: string, known?: Map<string, number>): Promise<EventFile[]> {
  const found = new Map<string, EventFile>()
  const { rotated, other } = patternsOf(current)
  for (const name of await names(dirname(current))) {
    const kind = name === basename(current) ? 'current' : rotated.test(name) ? 'rotated' : other.test(name) ? 'other' : null
    if (kind === null) continue
    const path = join(dirname(current), name)
    const stat = await ifThere(lstat(path))
    if (stat === null || !stat.isFile()) continue
    const identity = `${stat.dev}:${stat.ino}`
    // A rotation that was cut short leaves one file under two names.
    if (found.has(identity) && kind !== 'rotated') continue
    const first = known?.get(identity) ?? await firstSequence(path)
    if (first > 0) known?.set(identity, first)
    found.set(identity, { path, name, identity, bytes: stat.size, mtimeMs: stat.mtimeMs, kind, first })
  }
  if (known !== undefined) for (const identity of known.keys()) if (!found.has(identity)) known.delete(identity)
  return [...found.values()].sort((a, b) =>
    Number(a.kind === 'current') - Number(b.kind === 'current') || a.first - b.first || a.mtimeMs - b.mtimeMs)
}

/** Compressed files of the sink, which nothing here reads or changes. */
export async function compressedFiles(current: string): Promise<string[]> {
  const base = basename(current, extname(current))
  return (await names(dirname(current))).filter(name => name.startsWith(base) && /\.(?:gz|bz2|xz|zst)$/.test(name))
}

async function names(dir: string): Promise<string[]> {
  return await ifThere(readdir(dir)) ?? []
}

function patternsOf(current: string): { readonly rotated: RegExp; readonly other: RegExp } {
  const extension = extname(current)
  const [base, end] = [basename(current, extension), extension].map(text => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return {
    rotated: new RegExp(`^${base}-(\\d{4}-\\d\\d-\\d\\d)\\.(\\d{1,9})${end}$`),
    // As logrotate does: `events.ndjson.1`, `events.ndjson-20261130`, `events.ndjson.2026-11-30`.
    other: new RegExp(`^${base}${end}[.-][\\d-]{1,20}$`),
  }
}

async function firstSequence(path: string): Promise<number> {
  // The beginning of a line is enough, and a file that is no event file may have no line at all.
  try {
    await using handle = await openToRead(path)
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(512), 0, 512, 0)
    return peekLine(buffer.subarray(0, bytesRead))?.sequence ?? 0
  } catch {
    return 0
  }
}
