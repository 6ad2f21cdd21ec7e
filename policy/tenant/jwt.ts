import { isObject, readJson, textMember } from '../providers/json.ts'

/** Bearer tokens above this length are not looked into (bytes; Entra's are 2 to 8 KiB). */
const TOKEN_LIMIT = 16 * 1024

const GUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/**
 * The directory id (`tid`, lower case) in a bearer token, if it is a JWT that carries one. The signature is not
 * checked: whoever sends the request can write anything here, so the answer may deny and never allow.
 */
export function directoryId(authorization: string | undefined): string | undefined {
  if (authorization === undefined || authorization.length > TOKEN_LIMIT) return undefined
  const token = /^bearer\s{1,8}([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]*$/i.exec(authorization)
  const claims = token?.[2] === undefined ? undefined : readJson(Buffer.from(token[2], 'base64url').toString('utf8'))
  const tid = isObject(claims) ? textMember(claims, 'tid')?.toLowerCase() : undefined
  return tid !== undefined && GUID.test(tid) ? tid : undefined
}
