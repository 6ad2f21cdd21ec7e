/**
 * Refusals as the programs of each account system read them, so that they show the message and do not retry. What a
 * program cannot parse it often takes for a broken connection: rclone repeats a block of Azure ten times then.
 */
import { REFUSALS } from './errors.ts'
import type { RefusalCode } from './errors.ts'
import { escapeMarkup } from './escape-markup.ts'
import type { Account } from '../policy/operation.ts'

/** What is to be told. */
export interface Told {
  readonly code: RefusalCode
  readonly status: number
  /** The rule's message or the catalogue's text. */
  readonly said: string
  /** The same with the event. */
  readonly message: string
  readonly ruleId: string | null
  readonly eventId: string
  /** Where an exception can be asked for; `message` tells it too. */
  readonly askAt?: string
  readonly host: string
  readonly path: string
  readonly now: Date
}

export interface FormBody {
  readonly type: string
  readonly body: string
  /** Fields that this form has beside its body; flat: `[name, value, …]`. */
  readonly headers?: readonly string[]
}

type Form = (told: Told) => FormBody

const JSON_TYPE = 'application/json; charset=utf-8'
const XML_TYPE = 'application/xml; charset=utf-8'
const XML = '<?xml version="1.0" encoding="utf-8"?>\n'

/** The forms of the account systems; programs of those that are not here get problem details. */
export const FORMS: { readonly [account in Account]?: Form } = {
  dropbox, google, microsoft, box, aws, azure, webdav,
  gcp: told => isGoogleJson(told.path) ? google(told) : aws(told),
}

/** RFC 9457: for everyone whose form is not known. */
export function problem({ code, status, said, ruleId, eventId, askAt }: Told): FormBody {
  return {
    type: 'application/problem+json; charset=utf-8',
    body: JSON.stringify({
      type: `urn:sluice:error:${code}`,
      title: said,
      status,
      detail: askAt === undefined ? REFUSALS[code].remedy : `You can ask for an exception at ${askAt}`,
      code,
      instance: `urn:sluice:event:${eventId}`,
      ...(ruleId === null ? {} : { rule: ruleId }),
      ...(askAt === undefined ? {} : { exception: askAt }),
    }),
  }
}

/**
 * rclone prints `error_summary` and nothing else, so the message stands first in it. Dropbox' Python package takes a
 * tag that it does not know, but fails on `other`, which its unions keep for themselves.
 */
function dropbox({ code, message, askAt }: Told): FormBody {
  return {
    type: JSON_TYPE,
    body: JSON.stringify({
      // An address that goes on into the tag would not open.
      error_summary: `${message}${askAt === undefined ? '' : ' '}/${code}/`,
      error: { '.tag': code.replaceAll(/[^a-z]/g, '_') },
      user_message: { text: message, locale: 'en' },
    }),
  }
}

function google({ status, message }: Told): FormBody {
  const reason = status >= 500 ? 'backendError' : 'forbidden'
  return { type: JSON_TYPE, body: JSON.stringify({ error: { code: status, message, errors: [{ domain: 'global', reason, message }] } }) }
}

/** Cloud Storage answers its JSON API in JSON, and everything else as S3 does. */
function isGoogleJson(path: string): boolean {
  return /^\/(?:(?:resumable\/)?upload\/|download\/|batch\/)?storage\/v\d/i.test(path) || /^\/batch\/?$/.test(path)
}

function microsoft({ status, message, eventId, now }: Told): FormBody {
  const code = status >= 500 ? 'serviceNotAvailable' : 'accessDenied'
  const innerError = { 'request-id': eventId, date: now.toISOString() }
  return { type: JSON_TYPE, body: JSON.stringify({ error: { code, message, innerError } }) }
}

/** https://developer.box.com/reference/resources/client-error/ */
function box({ status, message, eventId }: Told): FormBody {
  const code = named(status, { refused: 'forbidden', malformed: 'bad_request', failed: 'internal_server_error' })
  return { type: JSON_TYPE, body: JSON.stringify({ type: 'error', status, code, message, request_id: eventId }) }
}

/** Amazon S3 API reference, "Error responses". */
function aws({ status, message, eventId }: Told): FormBody {
  const code = named(status, { refused: 'AccessDenied', malformed: 'InvalidRequest', failed: 'ServiceUnavailable' })
  const request = escapeMarkup(eventId)
  return {
    type: XML_TYPE,
    body: `${XML}<Error><Code>${code}</Code><Message>${escapeMarkup(message)}</Message><RequestId>${request}</RequestId></Error>`,
    headers: ['x-amz-request-id', eventId],
  }
}

/** Azure Storage REST reference, "Status and error codes": in XML, and of the file system's hosts in JSON. */
function azure({ status, message, eventId, host }: Told): FormBody {
  const code = named(status, { refused: 'AuthorizationFailure', malformed: 'InvalidInput', failed: 'ServerBusy' })
  const headers = ['x-ms-error-code', code, 'x-ms-request-id', eventId]
  if (host.includes('.dfs.')) return { type: JSON_TYPE, body: JSON.stringify({ error: { code, message } }), headers }
  return { type: XML_TYPE, body: `${XML}<Error><Code>${code}</Code><Message>${escapeMarkup(message)}</Message></Error>`, headers }
}

/** RFC 4918 §8.7, with the message where sabre/dav has it, as Nextcloud, ownCloud and their programs do. */
function webdav({ status, message }: Told): FormBody {
  const exception = named(status, { refused: 'Forbidden', malformed: 'BadRequest', failed: 'ServiceUnavailable' })
  return {
    type: XML_TYPE,
    body: `${XML}<d:error xmlns:d="DAV:" xmlns:s="http://sabredav.org/ns"><s:exception>Sabre\\DAV\\Exception\\${exception}</s:exception>` +
      `<s:message>${escapeMarkup(message)}</s:message></d:error>`,
  }
}

/** A service's own word for what a status means. */
function named(status: number, words: { readonly refused: string; readonly malformed: string; readonly failed: string }): string {
  if (status >= 500) return words.failed
  return status === 403 ? words.refused : words.malformed
}
