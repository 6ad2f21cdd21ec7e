/**
 * Of how many uploads it is known whose account they go to: real clients of two organisations and a consumer through Sluice,
 * each client before a Sluice that has seen nothing else. Every upload passes, so that all of its requests are counted. The
 * counts are in `attribution.md`.
 */
import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { ACCOUNTS, opaqueToken, refreshToken, SHARED } from '../origin/accounts.ts'
import type { AccountName } from '../origin/accounts.ts'
import { noRclone, rcloneToken, setUpOneDrive } from '../origin/rclone.ts'
import { microsoftToken } from '../origin/signed-tokens.ts'
import { byDrivePackage, byDropboxPackage, byGraphPackage, byPython, byRclone, noPython } from './attribution-clients.ts'
import type { Errand } from './attribution-clients.ts'
import { ALLOW_ALL } from './policies.ts'
import { eventsSoFar } from './recorded.ts'
import type { Recorded } from './recorded.ts'
import { allowContoso, takeToken } from './tenant-world.ts'
import { startWorld } from './world.ts'

const skip = noRclone() === false ? noPython : noRclone()
const ALL = ['contoso', 'fabrikam', 'consumer'] as const
const BOTH = ['contoso', 'fabrikam'] as const
const CONTOSO = ['contoso'] as const
const SITE = 'https://any.sharepoint.com/sites/eng'

interface Case {
  readonly provider: string
  readonly client: string
  /** What was seen before the upload. */
  readonly state: string
  readonly accounts: readonly AccountName[]
  /** An answer told whose the credential or the place is: without being asked, or when Sluice asked. */
  readonly told: 'always' | 'asked' | 'never'
  /** A place of fabrikam's, whoever writes to it. */
  readonly isForeign?: true
  readonly run: (errand: Errand) => Promise<void>
}

const foreign = { accounts: CONTOSO, told: 'never', isForeign: true } as const

async function signedIn({ world, account }: Errand): Promise<string> {
  return takeToken(world, 'microsoft', refreshToken(account, 'microsoft'))
}

function freshMicrosoft({ account }: Errand): string {
  return ACCOUNTS[account].organisation === null ? opaqueToken(account, 'microsoft', 7) : microsoftToken(ACCOUNTS[account])
}

async function byNewRemote(errand: Errand, site?: string): Promise<void> {
  const { world, account } = errand
  const env = await setUpOneDrive(rcloneToken(account, 'microsoft', 'fresh'), { proxy: world.proxy, caFile: world.caFile }, site)
  await byRclone(errand, 'mine:up/a.bin', {}, env)
}

/** rclone's remote for a drive whose id was configured long ago. */
function byOldRemote(errand: Errand, state: 'fresh' | 'expired', drive?: string): Promise<void> {
  const { microsoft, organisation } = ACCOUNTS[errand.account]
  const env = {
    RCLONE_CONFIG_ONEDRIVE_DRIVE_ID: drive ?? microsoft.drive,
    RCLONE_CONFIG_ONEDRIVE_DRIVE_TYPE: organisation === null ? 'personal' : 'business',
  }
  return byRclone(errand, 'onedrive:up/a.bin', { onedrive: rcloneToken(errand.account, 'microsoft', state) }, env)
}

const CASES: readonly Case[] = [
  ...(['fresh', 'expired'] as const).flatMap((state): readonly Case[] => [
    { provider: 'dropbox', client: 'rclone, /path', state, accounts: ALL, told: 'always',
      run: (errand) => byRclone(errand, 'dropbox:/up/a.bin', { dropbox: rcloneToken(errand.account, 'dropbox', state) }) },
    { provider: 'dropbox', client: 'rclone, path', state, accounts: ALL, told: 'asked',
      run: (errand) => byRclone(errand, 'dropbox:up/a.bin', { dropbox: rcloneToken(errand.account, 'dropbox', state) }) },
    { provider: 'google-drive', client: 'rclone', state, accounts: ALL, told: 'never',
      run: (errand) => byRclone(errand, 'drive:up/a.bin', { drive: rcloneToken(errand.account, 'google', state) }) },
    { provider: 'google-drive', client: '@googleapis/drive', state, accounts: ALL, told: 'never',
      run: (errand) => byDrivePackage(errand, state) },
    { provider: 'onedrive', client: 'rclone, old remote', state, accounts: ALL, told: 'always',
      run: (errand) => byOldRemote(errand, state) },
    { provider: 'box', client: 'rclone', state, accounts: ALL, told: 'asked',
      run: (errand) => byRclone(errand, 'box:a.bin', { box: rcloneToken(errand.account, 'box', state) }) },
  ]),
  { provider: 'dropbox', client: 'dropbox (Node)', state: 'fresh', accounts: ALL, told: 'asked',
    run: (errand) => byDropboxPackage(errand, 'fresh') },
  { provider: 'dropbox', client: 'dropbox (Node)', state: 'account read', accounts: ALL, told: 'always',
    run: (errand) => byDropboxPackage(errand, 'expired') },
  { provider: 'dropbox', client: 'dropbox (Python)', state: 'fresh', accounts: ALL, told: 'asked',
    run: (errand) =>
      byPython(errand, 'dropbox_uploads.py', ['/py', 'simple'], { ACCESS_TOKEN: opaqueToken(errand.account, 'dropbox', 7) }) },
  { provider: 'dropbox', client: 'dropbox (Python)', state: 'expired', accounts: ALL, told: 'asked',
    run: (errand) =>
      byPython(errand, 'dropbox_uploads.py', ['/py', 'simple'], { REFRESH_TOKEN: refreshToken(errand.account, 'dropbox') }) },
  { provider: 'google-drive', client: 'rclone', state: 'expired, openid', accounts: ALL, told: 'always',
    run: (errand) => byRclone(errand, 'drive:up/a.bin', { drive: rcloneToken(errand.account, 'google', 'expired', 'openid') }) },
  { provider: 'google-drive', client: '@googleapis/drive', state: 'expired, openid', accounts: ALL, told: 'always',
    run: (errand) => byDrivePackage(errand, 'openid') },
  { provider: 'google-drive', client: 'googleapiclient', state: 'fresh', accounts: ALL, told: 'never',
    run: (errand) => byPython(errand, 'drive_uploads.py', ['multipart'], { ACCESS_TOKEN: opaqueToken(errand.account, 'google', 7) }) },
  { provider: 'google-drive', client: 'googleapiclient', state: 'expired, openid', accounts: ALL, told: 'always',
    run: (errand) =>
      byPython(errand, 'drive_uploads.py', ['resumable'], { REFRESH_TOKEN: refreshToken(errand.account, 'google', 'openid') }) },
  { provider: 'onedrive', client: 'rclone, new remote', state: 'fresh', accounts: BOTH, told: 'always',
    run: (errand) => byNewRemote(errand) },
  { provider: 'sharepoint', client: 'rclone, new remote', state: 'fresh', accounts: BOTH, told: 'always',
    run: (errand) => byNewRemote(errand, SITE) },
  { provider: 'onedrive', client: 'Graph client', state: 'fresh', accounts: ALL, told: 'asked',
    run: (errand) => byGraphPackage(errand, freshMicrosoft(errand)) },
  { provider: 'onedrive', client: 'Graph client', state: 'signed in', accounts: ALL, told: 'always',
    run: async (errand) => byGraphPackage(errand, await signedIn(errand)) },
  { provider: 'google-drive', client: 'rclone', state: 'folder of fabrikam', ...foreign,
    run: (errand) => byRclone(errand, 'drive:a.bin', { drive: rcloneToken('contoso', 'google', 'expired', 'openid') },
      { RCLONE_CONFIG_DRIVE_ROOT_FOLDER_ID: SHARED.google }) },
  { provider: 'google-drive', client: '@googleapis/drive', state: 'folder of fabrikam', ...foreign,
    run: (errand) => byDrivePackage(errand, 'openid', SHARED.google) },
  { provider: 'dropbox', client: 'dropbox (Node)', state: 'Path-Root of fabrikam', ...foreign,
    run: (errand) => byDropboxPackage(errand, 'expired', '/a.bin', SHARED.dropbox) },
  { provider: 'dropbox', client: 'dropbox (Node)', state: 'ns: of fabrikam', ...foreign,
    run: (errand) => byDropboxPackage(errand, 'expired', `ns:${SHARED.dropbox}/a.bin`) },
  { provider: 'sharepoint', client: 'rclone', state: 'drive of fabrikam', ...foreign,
    run: (errand) => byOldRemote(errand, 'expired', SHARED.microsoft) },
  { provider: 'sharepoint', client: 'Graph client', state: 'drive of fabrikam', ...foreign,
    run: async (errand) => byGraphPackage(errand, await signedIn(errand), `/drives/${SHARED.microsoft}`) },
  { provider: 'box', client: 'rclone', state: 'folder of fabrikam', ...foreign,
    run: (errand) => byRclone(errand, 'box:a.bin', { box: rcloneToken('contoso', 'box', 'expired') },
      { RCLONE_CONFIG_BOX_ROOT_FOLDER_ID: SHARED.box }) },
]

t.setTimeout(900_000)

const content = randomBytes(300_000)

/** The uploads of a client by account, before a Sluice of its own: what one account does tells nothing of another. */
async function recorded(one: Case, ask: boolean): Promise<ReadonlyMap<AccountName, readonly Recorded[]>> {
  const world = await startWorld({ config: { tenants: { ask } } })
  try {
    await allowContoso(world)
    await world.setPolicy(ALLOW_ALL)
    const file = join(world.dir, 'a.bin')
    await writeFile(file, content)
    const uploads = new Map<AccountName, readonly Recorded[]>()
    for (const account of one.accounts) {
      const before = (await eventsSoFar(world)).length
      await one.run({ world, file, account })
      uploads.set(account, (await eventsSoFar(world)).slice(before).filter(({ event }) => event.action === 'upload'))
    }
    return uploads
  } finally {
    await world.close()
  }
}

interface Counted { readonly known: string; readonly by: string }

function count(events: readonly Recorded[]): Counted {
  const hows = events.map(({ sluice: { tenant } }) => tenant?.how ?? 'none')
  const known = events.filter(({ sluice: { tenant } }) => tenant !== undefined && tenant.standing !== 'unknown').length
  const by = [...new Set(hows)].sort().map((how) => `${how} ${hows.filter((each) => each === how).length}`)
  return { known: `${known} of ${events.length}`, by: by.join(', ') }
}

const counted = new Map<Case, Counted[]>(CASES.map((one) => [one, []]))

for (const ask of [false, true]) {
  t.test(ask ? 'with tenants.ask' : 'without asking', { skip, timeout: 600_000 }, async (t) => {
    for (const one of CASES) {
      const uploads = await recorded(one, ask)
      for (const [account, events] of uploads) {
        const standings = events.map(({ sluice: { tenant } }) => tenant?.standing)
        const what = `${one.provider}, ${one.client}, ${one.state}, ${account}`
        t.ok(events.length > 0, `${what}: ${events.length} uploads`)
        const isOwn = account === 'contoso' && one.isForeign === undefined
        if (!isOwn) t.notOk(standings.includes('sanctioned'), `${what} is never sanctioned`)
        else if (one.told === 'always' || one.told === 'asked' && ask) {
          t.ok(standings.every((standing) => standing === 'sanctioned'), `${what} is sanctioned: ${standings.join()}`)
        }
      }
      counted.get(one)?.push(count([...uploads.values()].flat()))
    }
  })
}

t.test('as many as attribution.md says', { skip }, async (t) => {
  const rows = CASES.map((one) => {
    const [alone, asking] = counted.get(one) ?? []
    return `| ${[one.provider, one.client, one.state, alone?.known, alone?.by, asking?.known, asking?.by].join(' | ')} |`
  })
  t.comment(rows.join('\n'))
  const text = await readFile(new URL('attribution.md', import.meta.url), 'utf8')
  t.strictSame(rows, text.split('\n').filter((line) => line.startsWith('| ')).slice(2))
})
