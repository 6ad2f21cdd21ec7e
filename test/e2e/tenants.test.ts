import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { SHARED } from '../origin/accounts.ts'
import type { AccountName, AccountSystem } from '../origin/accounts.ts'
import { noRclone, rclone, rcloneToken, setUpOneDrive } from '../origin/rclone.ts'
import { startStrict } from './tenant-world.ts'
import type { World } from './world.ts'

const skip = noRclone()

const content = randomBytes(300_000)

async function copy(world: World, to: string, tokens: Readonly<Record<string, string>>, env: Record<string, string> = {}) {
  const file = join(world.dir, 'file.bin')
  await writeFile(file, content)
  const before = world.origin.fileBytes()
  const { code, stderr } = await rclone(['copyto', file, to], { proxy: world.proxy, caFile: world.caFile, tokens, env })
  return { code, stderr, fileBytes: world.origin.fileBytes() - before, stored: world.origin.stored() }
}

t.test('the same rclone configuration with another token is another tenant', { skip }, async (t) => {
  const world = await startStrict()
  t.teardown(world.close)
  const remotes: [name: string, remote: string, system: AccountSystem][] = [
    ['Dropbox', 'dropbox:/up/a.bin', 'dropbox'], ['Google Drive', 'drive:up/a.bin', 'google'],
  ]
  for (const [name, to, system] of remotes) {
    await t.test(name, async (t) => {
      await world.origin.reset()
      const remote = to.split(':')[0] ?? ''
      const token = (account: AccountName) => ({ [remote]: rcloneToken(account, system, 'expired', 'openid') })
      const own = await copy(world, to, token('contoso'))
      t.equal(own.code, 0, own.stderr)
      t.match(own.stored, [{ name: 'a.bin', size: content.length, account: 'contoso' }])
      for (const account of ['fabrikam', 'consumer'] as const) {
        const foreign = await copy(world, to, token(account))
        t.not(foreign.code, 0, account)
        t.match(foreign.stderr, 'Company files go to the company account.', account)
        t.equal(foreign.fileBytes, 0, account)
        t.equal(foreign.stored.length, 1, account)
      }
    })
  }
  for (const [name, site] of [['OneDrive', undefined], ['SharePoint', 'https://any.sharepoint.com/sites/eng']] as const) {
    await t.test(name, async (t) => {
      await world.origin.reset()
      const outcomes = new Map<AccountName, Awaited<ReturnType<typeof copy>>>()
      for (const account of ['contoso', 'fabrikam'] as const) {
        const token = rcloneToken(account, 'microsoft', 'fresh')
        const env = await setUpOneDrive(token, { proxy: world.proxy, caFile: world.caFile }, site)
        outcomes.set(account, await copy(world, 'mine:up/a.bin', {}, env))
      }
      t.equal(outcomes.get('contoso')?.code, 0, outcomes.get('contoso')?.stderr ?? '')
      t.not(outcomes.get('fabrikam')?.code, 0)
      t.match(outcomes.get('fabrikam')?.stderr, 'Company files go to the company account.')
      t.equal(outcomes.get('fabrikam')?.fileBytes, 0)
      t.match(world.origin.stored(), [{ name: 'a.bin', size: content.length, account: 'contoso' }])
    })
  }
})

t.test('a folder of a foreign tenant is foreign, also to a sanctioned credential', { skip }, async (t) => {
  const world = await startStrict()
  t.teardown(world.close)
  const drive = await copy(world, 'drive:a.bin', { drive: rcloneToken('contoso', 'google', 'expired', 'openid') },
    { RCLONE_CONFIG_DRIVE_ROOT_FOLDER_ID: SHARED.google })
  const joint = await copy(world, 'joint:a.bin', { joint: rcloneToken('contoso', 'microsoft', 'fresh') })
  for (const [name, { code, stderr, fileBytes, stored }] of [['Google', drive], ['Microsoft', joint]] as const) {
    t.not(code, 0, `${name}: ${stderr}`)
    t.equal(fileBytes, 0, name)
    t.strictSame(stored, [], name)
  }
})

t.test('with tenants.ask the provider is asked where nothing else tells', { skip }, async (t) => {
  const world = await startStrict({ tenants: { ask: true } })
  t.teardown(world.close)
  const own = await copy(world, 'dropbox:a.bin', { dropbox: rcloneToken('contoso', 'dropbox', 'fresh') })
  t.equal(own.code, 0, own.stderr)
  const foreign = await copy(world, 'dropbox:a.bin', { dropbox: rcloneToken('fabrikam', 'dropbox', 'fresh') })
  t.not(foreign.code, 0)
  t.equal(foreign.fileBytes, 0)
  t.match(foreign.stderr, 'Company files go to the company account.')
})
