import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ACCOUNTS, opaqueToken, refreshToken, SHARED } from './accounts.ts'
import type { AccountName, AccountSystem, GrantExtra } from './accounts.ts'
import { AWS_KEY } from './aws-signature.ts'
import { AZURE } from './azure-signature.ts'
import { runProgram } from './run-program.ts'
import type { ProgramResult } from './run-program.ts'
import { microsoftToken } from './signed-tokens.ts'

export interface RcloneOptions {
  /** `http://127.0.0.1:port` of the proxy that rclone goes through. */
  readonly proxy: string
  /** PEM file with the roots that rclone trusts, beside the system's. */
  readonly caFile: string
  /** Ends rclone after this long. Default 60 s. */
  readonly timeoutMs?: number
  /** Attempts per file and per request. Default 1; null leaves both to rclone (3 and 10). */
  readonly retries?: number | null
  /** By remote: the token that stands in its configuration, as `rcloneToken` makes it; else `FAKE-TOKEN`. */
  readonly tokens?: Readonly<Record<string, string>>
  readonly env?: Readonly<Record<string, string>>
}

export type RcloneResult = ProgramResult

const LATER = '2099-01-01T00:00:00Z'
const TOKEN = JSON.stringify({ access_token: 'FAKE-TOKEN', token_type: 'bearer', refresh_token: 'FAKE', expiry: LATER })

/**
 * A remote's token for an account. `expired`: rclone gets another one first, so that the token answer passes; `fresh`: it is
 * used as it is (Microsoft's holds for an hour, at a stand-in of this process).
 */
export function rcloneToken(
  name: AccountName, system: AccountSystem, state: 'expired' | 'fresh', ...extras: readonly GrantExtra[]
): string {
  const refresh_token = refreshToken(name, system, ...extras)
  const isSigned = system === 'microsoft' && ACCOUNTS[name].organisation !== null
  const fresh = isSigned ? microsoftToken(ACCOUNTS[name], { nonce: extras.includes('nonce') }) : opaqueToken(name, system, 0)
  const [access_token, expiry] = state === 'fresh' ? [fresh, LATER] : ['BAD-expired', '2026-01-01T00:00:00Z']
  return JSON.stringify({ access_token, token_type: 'Bearer', refresh_token, expiry })
}

/** `FAKE-password`, as `rclone obscure` writes it. */
const PASSWORD = 'DpSNjoWafzcrX-JPA1x-cD3ThiRZ2n4QQ26ZLc8'
const OAUTH = { token: TOKEN, client_id: 'fake', client_secret: 'FAKE' }
const KEYS = { access_key_id: AWS_KEY.id, secret_access_key: AWS_KEY.secret }

/**
 * Remotes against the stand-in: `dropbox:`, `drive:`, `onedrive:`, `fabrikam:` (a foreign tenant), `consumer:`, `site:`,
 * `fabrikamsite:` and `joint:` (fabrikam's sites; the second is shared with contoso's person),
 * `box:`, `s3:contoso-files`, `azure:files`, `gcs:contoso-files`, `webdav:`, `nextcloud:`.
 */
const REMOTES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  dropbox: { ...OAUTH, type: 'dropbox' },
  drive: { ...OAUTH, type: 'drive', scope: 'drive' },
  onedrive: { ...OAUTH, type: 'onedrive', drive_id: 'b!FAKEbusinessdrive', drive_type: 'business' },
  fabrikam: { ...OAUTH, type: 'onedrive', drive_id: 'b!FAKEfabrikamdrive', drive_type: 'business' },
  consumer: { ...OAUTH, type: 'onedrive', drive_id: 'a1b2c3d4e5f60718', drive_type: 'personal' },
  site: { ...OAUTH, type: 'onedrive', drive_id: 'b!FAKEsitedrive', drive_type: 'documentLibrary' },
  fabrikamsite: { ...OAUTH, type: 'onedrive', drive_id: 'b!FAKEfabrikamsite', drive_type: 'documentLibrary' },
  joint: { ...OAUTH, type: 'onedrive', drive_id: SHARED.microsoft, drive_type: 'documentLibrary' },
  box: { ...OAUTH, type: 'box' },
  // What is larger than one part goes up in several.
  s3: { ...KEYS, type: 's3', provider: 'AWS', region: 'us-east-1', endpoint: 'https://s3.us-east-1.amazonaws.com', upload_cutoff: '5Mi' },
  azure: { type: 'azureblob', account: AZURE.accounts[0] ?? '', key: AZURE.key },
  gcs: { ...OAUTH, type: 'google cloud storage', project_number: '1' },
  webdav: { type: 'webdav', url: 'https://dav.example/dav', vendor: 'other', user: 'fay', pass: PASSWORD },
  nextcloud: { type: 'webdav', url: 'https://cloud.example/remote.php/dav/files/fay', vendor: 'nextcloud', user: 'fay', pass: PASSWORD },
}

/** rclone's version as it names it (`v1.60.1-DEV`), or null when it is not installed. */
export function rcloneAvailable(): string | null {
  const { error, stdout } = spawnSync('rclone', ['version'], { encoding: 'utf8' })
  return error === undefined ? /rclone (v\S+)/.exec(stdout)?.[1] ?? null : null
}

/** Why tests of rclone are skipped; false where it is installed. */
export function noRclone(): string | false {
  return rcloneAvailable() === null ? 'rclone is not installed (Debian: apt-get install rclone)' : false
}

/** Runs rclone with the remotes above, a home directory of its own, and nothing of the caller's proxy settings. */
export async function rclone(args: readonly string[], options: RcloneOptions): Promise<RcloneResult> {
  const home = await mkdtemp(join(tmpdir(), 'sluice-rclone-'))
  try {
    const config = join(home, 'rclone.conf')
    await writeFile(config, '')
    const tries = options.retries === undefined ? 1 : options.retries
    const retries = tries === null ? [] : ['--retries', String(tries), '--low-level-retries', String(tries)]
    const env = {
      PATH: process.env.PATH ?? '/usr/bin:/bin',
      HOME: home,
      RCLONE_CONFIG: config,
      RCLONE_CACHE_DIR: join(home, 'cache'),
      HTTPS_PROXY: options.proxy,
      HTTP_PROXY: options.proxy,
      ...remotesEnvironment(),
      ...tokensEnvironment(options.tokens ?? {}),
      ...options.env,
    }
    return await runProgram('rclone', ['--ca-cert', options.caFile, ...retries, ...args], { env, timeoutMs: options.timeoutMs ?? 60_000 })
  } finally {
    await rm(home, { recursive: true, force: true })
  }
}

/**
 * Has rclone set up the remote `mine:` as a person does, and gives the environment that configures it. OneDrive's remotes
 * need a `drive_id`, which rclone asks Graph for here: what differs between two accounts is `token` alone, as `rcloneToken`
 * makes it. With `site`, such as `https://any.sharepoint.com/sites/eng`, it is the library at that path of the account's own
 * organisation.
 */
export async function setUpOneDrive(token: string, options: RcloneOptions, site?: string): Promise<Record<string, string>> {
  const where = site === undefined ? ['config_type=onedrive'] : ['config_type=url', `config_site_url=${site}`]
  // Without the last, it would have a browser sign in.
  const given = [`token=${token}`, 'client_id=fake', 'client_secret=FAKE', ...where, 'config_refresh_token=false']
  const { code, stdout, stderr } = await rclone(['config', 'create', 'mine', 'onedrive', ...given], options)
  if (code !== 0) throw new Error(`rclone config create: ${stderr}`)
  const settings = [...stdout.matchAll(/^(\w+) = (.*)$/gm)]
  return Object.fromEntries(settings.map(([, key = '', value = '']) => [`RCLONE_CONFIG_MINE_${key.toUpperCase()}`, value]))
}

function remotesEnvironment(): Record<string, string> {
  const settings = Object.entries(REMOTES).flatMap(([remote, keys]) =>
    Object.entries(keys).map(([key, value]) => [`RCLONE_CONFIG_${remote}_${key}`.toUpperCase(), value]))
  return Object.fromEntries(settings)
}

function tokensEnvironment(tokens: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(tokens).map(([remote, token]) => [`RCLONE_CONFIG_${remote.toUpperCase()}_TOKEN`, token]))
}
