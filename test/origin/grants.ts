import { ACCOUNTS, opaqueToken, readGrant, refreshToken, SHARED } from './accounts.ts'
import type { Account, AccountSystem, Grant } from './accounts.ts'
import type { Exchange } from './exchange.ts'
import type { JsonObject } from './json.ts'
import { googleIdToken, microsoftIdToken, microsoftToken, SIGNED_SECONDS } from './signed-tokens.ts'

/** A token request: its form (RFC 6749 §4.1.3, §6), and for Microsoft the directory that its path names. */
interface Asked {
  readonly grant: Grant
  readonly form: URLSearchParams
  readonly isCode: boolean
  readonly directory: string | undefined
}

/** Numbers the access tokens, so that each refresh gives another one. */
let issued = 0

/**
 * Answers a token request by the refresh token or code of a named account, in the form of its provider. False: the grant
 * names nobody, and the caller has an answer of its own. `form` is the body.
 */
export async function answerGrant(
  exchange: Exchange, system: AccountSystem, form: URLSearchParams, directory?: string,
): Promise<boolean> {
  const code = form.get('code')
  const given = code ?? form.get('refresh_token') ?? ''
  const grant = readGrant(given)
  if (grant === undefined && !/FAKE-(?:refresh|code)-/.test(given)) return false
  const answer = grant?.system === system ? ANSWERS[system]({ grant, form, isCode: code !== null, directory }) : undefined
  if (answer === undefined) await exchange.json(400, { error: 'invalid_grant', error_description: 'The grant is not good here.' })
  else await exchange.json(200, answer)
  return true
}

const ANSWERS: Readonly<Record<AccountSystem, (asked: Asked) => JsonObject | undefined>> = {
  /** https://www.dropbox.com/developers/documentation/http/documentation#oauth2-token: whose it is comes with a code only. */
  dropbox: ({ grant: { account }, isCode }) => ({
    access_token: next(account, 'dropbox'), token_type: 'bearer', expires_in: 14_400,
    ...(isCode ? {
      refresh_token: refreshToken(account.name, 'dropbox'), scope: 'account_info.read files.content.write files.metadata.read',
      uid: account.dropbox.uid, account_id: account.dropbox.id,
    } : {}),
  }),
  /** https://developers.google.com/identity/protocols/oauth2/native-app#exchange-authorization-code */
  google: ({ grant: { account, extras }, isCode }) => {
    const openid = extras.includes('openid')
    return {
      access_token: next(account, 'google'), token_type: 'Bearer', expires_in: 3599,
      scope: `https://www.googleapis.com/auth/drive${openid ? ' openid https://www.googleapis.com/auth/userinfo.email' : ''}`,
      ...(isCode ? { refresh_token: refreshToken(account.name, 'google', ...extras) } : {}),
      ...(openid ? { id_token: googleIdToken(account) } : {}),
    }
  },
  microsoft: answerMicrosoft,
  /** https://developer.box.com/reference/post-oauth2-token/ */
  box: ({ grant: { account } }) => ({
    access_token: next(account, 'box'), token_type: 'bearer', expires_in: 4200, restricted_to: [],
    refresh_token: refreshToken(account.name, 'box'),
  }),
}

function next(account: Account, system: AccountSystem): string {
  return opaqueToken(account.name, system, ++issued)
}

/** https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#successful-response-2 */
function answerMicrosoft({ grant: { account, extras }, form, directory: named = 'common' }: Asked): JsonObject | undefined {
  const directory = directoryFor(account, named)
  if (directory === undefined) return undefined
  const scope = form.get('scope') ?? 'Files.ReadWrite.All offline_access'
  const openid = extras.includes('openid') || scope.split(' ').includes('openid')
  const audience = audienceOf(form.get('resource') ?? scope)
  const access = account.organisation === null
    ? next(account, 'microsoft')
    : microsoftToken(account, { directory, nonce: extras.includes('nonce'), ...(audience === undefined ? {} : { audience }) })
  return {
    token_type: 'Bearer', scope, expires_in: SIGNED_SECONDS, ext_expires_in: SIGNED_SECONDS, access_token: access,
    refresh_token: refreshToken(account.name, 'microsoft', ...extras),
    ...(openid ? { id_token: microsoftIdToken(account, directory) } : {}),
  }
}

/**
 * In whose directory an account gets its token at an address
 * (https://learn.microsoft.com/entra/identity-platform/v2-protocols#endpoints): its own at `common`, as a guest in one that
 * shares with it, undefined where it has no part.
 */
function directoryFor(account: Account, named: string): Account | undefined {
  const isConsumer = account.organisation === null
  if (named === 'common') return account
  if (named === 'consumers' || named === 'organizations') return isConsumer === (named === 'consumers') ? account : undefined
  const meant = Object.values(ACCOUNTS).find(({ microsoft, organisation }) =>
    named === microsoft.directory || named === organisation?.domain)
  return meant === account || meant === SHARED.owner && account === SHARED.with ? meant : undefined
}

/** `https://contoso.sharepoint.com/.default` asks for a token for that host; undefined: for Graph. */
function audienceOf(scope: string): string | undefined {
  return /(?:^|\s)(https:\/\/[\w-]+\.sharepoint\.com)(?:\/|\s|$)/.exec(scope)?.[1]
}
