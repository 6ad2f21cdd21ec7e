/** One upload is one upload: what a request inherits from the session that it belongs to. Pure. */
import type { Operation, Reason, Size } from '../../policy/operation.ts'
import type { ProviderModule, Recognition } from '../../policy/providers/provider.ts'
import type { KnownSession, SessionRecord } from '../../policy/sessions.ts'

/**
 * What may be sent again in a session before it counts towards the upload's size. No more, because DESIGN.md's first
 * promise bounds what is forwarded at the limit and this: parts that are repeated for long enough reach any limit.
 */
export const RESENT_SLACK = 1 << 20

/**
 * The key under which a session is remembered: of providers whose ids hold for one host only (the address of an upload
 * is the session there), the host is part of it; elsewhere parts may go to other hosts than the start did.
 */
export function sessionKey(
  module: Pick<ProviderModule, 'sessionsByHost'> | null, { provider, session }: Pick<Operation, 'provider' | 'session'>, host: string,
): string | null {
  if (session === undefined) return null
  return module?.sessionsByHost === true ? `${provider}:${host}:${session}` : `${provider}:${session}`
}

/**
 * Whether the parts of a session say nothing of their place in it (the parts of S3, the blocks of Azure): then each
 * adds to what was sent before, less what the same part (`part`) brought already. A part with an offset that is sent
 * again brings nothing new.
 */
export function addsUp({ activity, step, session, offset, size }: Operation): boolean {
  return activity === 'upload' && step === 'chunk' && session !== undefined && offset === undefined && size.is !== 'exact'
}

/**
 * The request as a part of its upload: with the size, name and type that the session is known to have.
 * `incoming`: bytes that the request says it brings.
 */
export function inherit(recognition: Recognition, record: KnownSession | undefined, incoming = 0): Recognition {
  if (record === undefined) return recognition
  const { operation } = recognition
  const counted = sessionSize(operation, record)
  const size = withResent(operation, counted, record.sent + incoming - RESENT_SLACK)
  const facts = startFacts(operation, record)
  const reasons: Reason[] = []
  if (counted !== operation.size) reasons.push('session-size')
  if (size !== counted) reasons.push('session-resent')
  if (Object.entries(facts).some(([name, value]) => operation[name as keyof typeof facts] !== value)) reasons.push('session-start')
  if (reasons.length === 0) return recognition
  const added = reasons.filter((reason) => !recognition.reasons.includes(reason))
  return { ...recognition, operation: { ...operation, ...facts, size }, reasons: [...recognition.reasons, ...added] }
}

/**
 * What went before counts, also where the request itself tells less: a retry from the start, a wrong offset, or a
 * finish that leaves out the part that was refused. Of a declared and a counted size the larger counts.
 */
function sessionSize(operation: Operation, record: KnownSession): Size {
  const { size, activity } = operation
  if (activity !== 'upload') return size
  const before = operation.part === undefined ? 0 : record.parts?.get(operation.part) ?? 0
  const seen = addsUp(operation) ? record.bytes + Math.max(0, size.bytes - before) : record.bytes
  const declared = record.size ?? 0
  const bytes = Math.max(size.bytes, seen, declared)
  if (bytes === size.bytes && size.is === 'exact') return size
  // Exact where all of it was declared and nothing that was seen contradicts.
  const isExact = record.size !== undefined && bytes === declared && size.is !== 'exact' && !addsUp(operation)
  if (isExact) return { bytes, is: 'exact' }
  return bytes === size.bytes ? size : { bytes, is: 'at-least' }
}

/** The size where more was forwarded than the parts' places, or the declared size, account for. */
function withResent({ activity }: Operation, size: Size, resent: number): Size {
  return activity === 'upload' && resent > size.bytes ? { bytes: resent, is: 'at-least' } : size
}

type Facts = Pick<Operation, 'fileName' | 'contentType'>

/**
 * The start named the file and its type; a part's own words are about the part, or are a client's attempt to rename
 * what it sends. A finish names what it commits.
 */
function startFacts(operation: Operation, record: SessionRecord): Facts {
  const isFinish = operation.step === 'finish'
  const fileName = isFinish ? operation.fileName ?? record.fileName : record.fileName ?? operation.fileName
  const contentType = record.contentType ?? operation.contentType
  return {
    ...(fileName === undefined ? {} : { fileName }),
    ...(contentType === undefined ? {} : { contentType }),
  }
}

/**
 * Whether the file has a name that is not known here: Dropbox and WebDAV name a session's file only at its finish, and
 * Nextcloud the files of a batch within the body; elsewhere the start (or what made the link) named it, and nobody saw that.
 */
export function isNamedElsewhere(module: ProviderModule | null, operation: Operation, record: SessionRecord | undefined): boolean {
  const { activity, step, fileName, session } = operation
  if (activity !== 'upload' || fileName !== undefined) return false
  if (operation.provider === 'dropbox' && (step === 'start' || step === 'chunk')) return true
  if (module?.namesLate === true && (step === 'start' || step === 'chunk' || step === 'batch')) return true
  const isPart = session !== undefined && (step === 'chunk' || step === 'single')
  return isPart && module?.learn !== undefined && (record?.startedAt ?? 0) === 0
}
