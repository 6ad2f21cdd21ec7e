/** Real clients that upload a small file as an account, through a proxy: what `attribution.slow.test.ts` counts. */
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { auth, drive } from '@googleapis/drive'
import { Dropbox } from 'dropbox'
import fetch from 'node-fetch'
import type { RequestInfo, RequestInit } from 'node-fetch'
import { opaqueToken, refreshToken } from '../origin/accounts.ts'
import type { AccountName } from '../origin/accounts.ts'
import { graphClient } from '../origin/graph-client.ts'
import { proxyAgent } from '../origin/proxy-agent.ts'
import { rclone } from '../origin/rclone.ts'
import type { World } from './world.ts'

const PYTHON = '/usr/bin/python3'
export const noPython = spawnSync(PYTHON, ['-c', 'import dropbox, googleapiclient, google_auth_httplib2']).status === 0
  ? false : 'missing (Debian: apt-get install python3-dropbox python3-googleapi python3-socks)'

/** One upload by one client. The file is 300 kB. */
export interface Errand {
  readonly world: World
  readonly file: string
  readonly account: AccountName
}

/** Copies the file with rclone. */
export async function byRclone(
  { world, file }: Errand, to: string, tokens: Readonly<Record<string, string>>, env: Record<string, string> = {},
): Promise<void> {
  const { code, stderr } = await rclone(['copyto', file, to], { proxy: world.proxy, caFile: world.caFile, tokens, env })
  if (code !== 0) throw new Error(stderr)
}

/** `path`: a Dropbox path; `root`: a namespace below which it is. */
export async function byDropboxPackage(
  { world, file, account }: Errand, state: 'fresh' | 'expired', path = '/a.bin', root?: string,
): Promise<void> {
  const agent = proxyAgent(world.proxy, readFileSync(world.caFile, 'utf8'))
  try {
    const box = new Dropbox({
      ...(state === 'fresh' ? { accessToken: opaqueToken(account, 'dropbox', 7) }
        : { refreshToken: refreshToken(account, 'dropbox'), clientId: 'fake', clientSecret: 'FAKE' }),
      ...(root === undefined ? {} : { pathRoot: JSON.stringify({ '.tag': 'namespace_id', namespace_id: root }) }),
      fetch: (url: RequestInfo, init: RequestInit = {}): unknown => fetch(url, { ...init, agent }),
    })
    if (state === 'expired') await box.usersGetCurrentAccount()
    await box.filesUpload({ path, contents: await readFile(file) })
  } finally {
    agent.destroy()
  }
}

/** `openid`: the grant has that scope too, so that the token answer brings an `id_token`. */
export async function byDrivePackage(
  { world, file, account }: Errand, state: 'fresh' | 'expired' | 'openid', parent?: string,
): Promise<void> {
  const agent = proxyAgent(world.proxy, readFileSync(world.caFile, 'utf8'))
  try {
    const client = new auth.OAuth2({ clientId: 'fake', clientSecret: 'FAKE', transporterOptions: { agent } })
    const expired = { refresh_token: refreshToken(account, 'google', ...(state === 'openid' ? ['openid'] as const : [])), expiry_date: 1 }
    const fresh = { access_token: opaqueToken(account, 'google', 7), expiry_date: Date.UTC(2099, 0) }
    client.setCredentials(state === 'fresh' ? fresh : expired)
    await drive({ version: 'v3', auth: client, agent, retry: false }).files.create({
      requestBody: { name: 'a.bin', ...(parent === undefined ? {} : { parents: [parent] }) },
      media: { mimeType: 'application/octet-stream', body: (await readFile(file)).toString('latin1') },
    })
  } finally {
    agent.destroy()
  }
}

export async function byGraphPackage({ world, file }: Errand, token: string, to?: string): Promise<void> {
  const more = { ACCESS_TOKEN: token, ...(to === undefined ? {} : { DRIVE: to }) }
  const [made] = await graphClient([['put', file, 'a.bin']], world, more)
  if (made?.size === undefined) throw new Error(JSON.stringify(made))
}

/** `more`: the token or refresh token. */
export async function byPython(
  { world, file }: Errand, script: string, args: readonly string[], more: Readonly<Record<string, string>>,
): Promise<void> {
  const program = fileURLToPath(new URL(`python/${script}`, import.meta.url))
  const env = {
    PATH: '/usr/bin:/bin', HTTPS_PROXY: world.proxy, https_proxy: world.proxy, REQUESTS_CA_BUNDLE: world.caFile,
    PYTHONDONTWRITEBYTECODE: '1', PYTHONWARNINGS: 'ignore', ...more,
  }
  const child = spawn(PYTHON, [program, file, ...args], { env, stdio: ['ignore', 'ignore', 'pipe'], timeout: 60_000 })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => { stderr += text })
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve))
  if (code !== 0) throw new Error(stderr)
}
