/** Chromium uploads through the pages of four sites, and what Sluice does to it arrives in the page. */
import t from 'tap'
import { makeFile } from '../origin/bytes.ts'
import { noChromium, startChromium } from './chromium.ts'
import { events, eventually } from './observe.ts'
import type { WrittenEvent } from './observe.ts'
import { ALLOW_ALL, BLOCK_LARGE, BLOCK_UPLOADS, LEAVES_AT_MOST, MESSAGE, withRules } from './policies.ts'
import { startWorld } from './world.ts'

const SMALL = 1000
const LARGE = 21_000_000
/** More than any page sends in one request of a session, less than the file has. */
const SESSION_LIMIT = 12_000_000
const BLOCK_SESSIONS = withRules({
  id: 'no-large-sessions', when: { activity: 'upload', size: { atLeast: SESSION_LIMIT } }, action: 'block', message: MESSAGE,
})
/** What the framing of a multipart upload adds. */
const FRAMING = 600

/** Page, provider, and the ways that the page knows. */
const SITES = [
  ['www.dropbox.com', 'dropbox', ['blocks']],
  ['drive.google.com', 'google-drive', ['simple', 'session']],
  ['onedrive.live.com', 'onedrive', ['simple', 'session', 'stream']],
  ['contoso.sharepoint.com', 'sharepoint', ['simple', 'session', 'stream']],
] as const

t.test('uploads of a browser', { skip: noChromium() }, async t => {
  const world = await startWorld()
  t.teardown(() => world.close())
  const { origin } = world
  const browser = await startChromium({ proxy: `--proxy-pac-url=${world.proxy}/proxy.pac`, roots: [world.caFile, origin.caFile] })
  t.teardown(() => browser.close())
  const { page } = browser
  const dir = t.testdir()
  const small = await makeFile(SMALL, { dir, name: "it's (1) & 100%.bin" })
  const large = await makeFile(LARGE, { dir, name: 'large.bin' })
  let before = 0
  t.beforeEach(async () => {
    await origin.reset()
    before = (await events(world)).length
  })

  /** Uploads by the page of a site, several files side by side; answers with a line for each that failed, or `done`. */
  async function upload(host: string, way: string, paths: readonly string[]): Promise<string> {
    await browser.visit(`https://${host}/web-upload`)
    await page.fill('#way', way)
    await page.setInputFiles('#file', [...paths])
    return outcome()
  }

  async function outcome(): Promise<string> {
    await page.waitForFunction("/^(done|failed)/.test(document.querySelector('#state').textContent)")
    return await page.textContent('#state') ?? ''
  }

  /** The events of uploads since the test began, once `enough` of them are there. */
  async function uploads(enough: (found: readonly WrittenEvent[]) => boolean): Promise<readonly WrittenEvent[]> {
    let found: readonly WrittenEvent[] = []
    await eventually(async () => {
      found = (await events(world)).slice(before).filter(({ event }) => event.action === 'upload')
      return enough(found)
    })
    return found
  }

  const named = (name: string) => (found: readonly WrittenEvent[]): boolean => found.some(({ file }) => file?.name === name)

  for (const [host, provider, ways] of SITES) {
    for (const way of ways) {
      await t.test(`${host}, ${way}: what is allowed arrives`, async t => {
        await world.setPolicy(ALLOW_ALL)
        t.equal(await upload(host, way, [small.path, large.path]), 'done')
        const stored = origin.stored().toSorted((a, b) => a.size - b.size)
        t.match(stored, [
          { provider, name: "it's (1) & 100%.bin", size: SMALL, sha256: small.sha256 },
          { provider, name: 'large.bin', size: LARGE, sha256: large.sha256 },
        ])
        const found = await uploads(all => named("it's (1) & 100%.bin")(all) && named('large.bin')(all))
        for (const { sluice, http } of found) t.match({ sluice, http }, {
          sluice: { action: 'allow', client_class: 'browser', operation: { provider, activity: 'upload' } }, http: { version: '2' },
        })
        const told = (name: string): number => Math.max(...found.filter(({ file }) => file?.name === name)
          .map(({ sluice, source }) => way === 'stream' ? source.bytes : sluice.operation?.size.bytes ?? 0))
        for (const [name, size] of [["it's (1) & 100%.bin", SMALL], ['large.bin', LARGE]] as const) {
          t.ok(told(name) >= size && told(name) <= size + FRAMING, `${name}: ${told(name)} bytes told`)
        }
      })

      await t.test(`${host}, ${way}: what is blocked never leaves, and the page reads why`, async t => {
        await world.setPolicy(BLOCK_UPLOADS)
        const lines = (await upload(host, way, [small.path, large.path])).split('\n')
        t.equal(lines.length, 2, 'both failed')
        for (const line of lines) {
          t.ok(line.startsWith('failed: 403 '), line)
          t.match(line, MESSAGE)
        }
        t.equal(origin.fileBytes(), 0)
        t.strictSame(origin.stored(), [])
        const found = await uploads(all => all.length >= 2)
        for (const { sluice } of found) t.match(sluice, { action: 'block', client_class: 'browser', operation: { provider } })
        t.ok(lines.every(line => found.some(({ event }) => line.includes(event.id))), 'the page can name the event')
      })

      await t.test(`${host}, ${way}: of two files, the large one is blocked`, async t => {
        await world.setPolicy(BLOCK_LARGE)
        const line = await upload(host, way, [large.path, small.path])
        t.ok(line.startsWith('failed: 403 '), line)
        t.match(line, MESSAGE)
        t.match(origin.stored().filter(({ size }) => size > 0), [{ provider, name: "it's (1) & 100%.bin", sha256: small.sha256 }])
        const most = way === 'stream' ? LEAVES_AT_MOST : 0
        t.ok(origin.fileBytes() <= most + SMALL + FRAMING, `${origin.fileBytes()} bytes left`)
      })

      if (way === 'simple') continue
      await t.test(`${host}, ${way}: parts below a limit add up to it`, async t => {
        await world.setPolicy(BLOCK_SESSIONS)
        const line = await upload(host, way, [large.path])
        t.ok(line.startsWith('failed: 403 '), line)
        t.match(line, MESSAGE)
        t.strictSame(origin.stored().filter(({ size }) => size > 0), [])
        t.ok(origin.fileBytes() < SESSION_LIMIT + (1 << 20), `${origin.fileBytes()} bytes left`)
      })
    }
  }
})
