/** What a browser shows and its pages' scripts can read when Sluice refuses: forms, other hosts, beacons, WebSockets. */
import type { Page } from 'playwright-core'
import t from 'tap'
import { makeFile } from '../origin/bytes.ts'
import { noChromium, startChromium } from './chromium.ts'
import { events, eventually } from './observe.ts'
import type { WrittenEvent } from './observe.ts'
import { ALLOW_ALL, BLOCK_UPLOADS, MESSAGE } from './policies.ts'
import { startWorld } from './world.ts'

const LARGE = 21_000_000
/** More than Sluice reads of a body that it has refused: the browser is still sending when it is cut off. */
const ENDLESS = 100_000_000
/** `intercept.unexplainedBody`. */
const UNEXPLAINED = 16 * 1024
const BLOCKED = new RegExp(`^failed: 403 .*${MESSAGE}`)
/** Where nothing of the catalogue is. */
const NOWHERE = '/unheard/of'

t.test('refusals in a browser', { skip: noChromium() }, async t => {
  const world = await startWorld()
  t.teardown(() => world.close())
  const { origin } = world
  const proxy = `--proxy-pac-url=${world.proxy}/proxy.pac`
  const roots = [world.caFile, origin.caFile]
  const browser = await startChromium({ proxy, roots })
  t.teardown(() => browser.close())
  const { page } = browser
  const dir = t.testdir()
  const small = await makeFile(1000, { dir, name: 'small.bin' })
  const large = await makeFile(LARGE, { dir, name: 'large.bin' })
  const endless = await makeFile(ENDLESS, { dir, name: 'endless.bin' })
  let before = 0
  t.beforeEach(async () => {
    await origin.reset()
    await world.setPolicy(BLOCK_UPLOADS)
    before = (await events(world)).length
  })

  /** The first event since the test began that fits. */
  async function eventOf(fits: (event: WrittenEvent) => boolean): Promise<WrittenEvent | undefined> {
    let found: WrittenEvent | undefined
    await eventually(async () => {
      found = (await events(world)).slice(before).find(fits)
      return found !== undefined
    })
    return found
  }

  const arrived = (path: string): number => origin.requests().filter(each => each.path === path && each.method !== 'OPTIONS').length

  for (const [what, file] of [['small', small], ['large', large], ['very large', endless]] as const) {
    for (const [host, action, target] of [
      ['www.dropbox.com', '/upload', 'dl-web.dropbox.com'],
      ['contoso.sharepoint.com', '/sites/eng/_layouts/15/UploadEx.aspx', 'contoso.sharepoint.com'],
    ] as const) {
      await t.test(`a form of ${host} that posts a ${what} file shows the page that says why`, async t => {
        await browser.visit(`https://${host}/upload-form`)
        await page.setInputFiles('#file', file.path)
        const [answer] = await Promise.all([page.waitForNavigation(), page.click('button')])
        t.equal(answer?.status(), 403)
        t.equal(page.url(), `https://${target}${action}`)
        t.equal(await page.textContent('h1'), MESSAGE)
        const event = await eventOf(({ url }) => url.path === action)
        t.match(event, { http: { version: '2' }, sluice: { action: 'block', client_class: 'browser', operation: { activity: 'upload' } } })
        t.match(await page.innerText('main'), event?.event.id ?? 'no event', 'it names the event')
        t.equal(arrived(action), 0)
        t.equal(origin.fileBytes(), 0)
      })
    }
  }

  await t.test('the page that says why can be read on a phone, and by a screen reader', async t => {
    await page.setViewportSize({ width: 360, height: 640 })
    t.teardown(() => page.setViewportSize({ width: 1280, height: 720 }))
    await browser.visit('https://www.dropbox.com/upload-form')
    await page.setInputFiles('#file', small.path)
    await Promise.all([page.waitForNavigation(), page.click('button')])
    t.equal(await page.getAttribute('html', 'lang'), 'en')
    t.not(await page.title(), '')
    t.equal(await page.getByRole('main').getByRole('heading', { level: 1 }).count(), 1)
    t.ok(await page.evaluate<boolean>('document.documentElement.scrollWidth <= innerWidth'), 'nothing is cut off at the side')
    t.ok(await page.evaluate<boolean>("parseFloat(getComputedStyle(document.querySelector('p')).fontSize) >= 16"), 'and it is no small print')
  })

  await t.test('what a form may post arrives', async t => {
    await world.setPolicy(ALLOW_ALL)
    await browser.visit('https://www.dropbox.com/upload-form')
    await page.setInputFiles('#file', large.path)
    await Promise.all([page.waitForNavigation(), page.click('button')])
    t.equal(await page.textContent('p'), 'taken')
    t.match(origin.stored(), [{ name: 'large.bin', size: LARGE, sha256: large.sha256 }])
    const event = await eventOf(({ url }) => url.path === '/upload')
    t.match(event, { event: { action: 'upload' }, file: { name: 'large.bin' }, sluice: { operation: { provider: 'dropbox' } } })
  })

  await t.test('files that are dropped on a page are judged like any others', async t => {
    const drop = async (): Promise<string> => {
      await browser.visit('https://onedrive.live.com/web-upload')
      await dropFiles(page, [small.path, large.path])
      return outcome(page)
    }
    for (const line of (await drop()).split('\n')) t.match(line, BLOCKED)
    t.equal(origin.fileBytes(), 0)
    await world.setPolicy(ALLOW_ALL)
    t.equal(await drop(), 'done')
    t.match(origin.stored().toSorted((a, b) => a.size - b.size), [{ sha256: small.sha256 }, { sha256: large.sha256 }])
  })

  for (const [from, url, headers] of [
    ['www.dropbox.com', 'https://content.dropboxapi.com/2/files/upload', { 'Dropbox-API-Arg': '{"path":"/a.txt"}' }],
    ['www.dropbox.com', 'https://www.dropbox.com/2/files/upload_session/start', { 'Dropbox-API-Arg': '{"close":true}' }],
    ['drive.google.com', 'https://content.googleapis.com/upload/drive/v3/files?uploadType=media', { Authorization: 'Bearer FAKE' }],
    ['drive.google.com', 'https://clients6.google.com/upload/drive/v2internal/files?uploadType=media', { Authorization: 'SAPISIDHASH 1_FAKE' }],
    ['onedrive.live.com', 'https://api.onedrive.com/v1.0/drive/root:/a.txt:/content', { Authorization: 'Bearer FAKE' }],
    ['onedrive.live.com', 'https://my.microsoftpersonalcontent.com/_api/v2.1/drives/a1b2c3d4e5f60718/items/root:/a.txt:/content', {}],
  ] as const) {
    await t.test(`a page of ${from} reads the refusal of ${new URL(url).host}`, async t => {
      await browser.visit(`https://${from}/web-upload`)
      const method = url.endsWith('/content') ? 'PUT' : 'POST'
      const refused = await page.evaluate(send, { url, method, headers: { 'Content-Type': 'application/octet-stream', ...headers }, bytes: 300_000 })
      t.equal(refused.status, 403)
      t.match(refused.body, MESSAGE)
      const told = await eventOf(({ event }) => event.id === refused.event)
      t.match(told, { http: { version: '2' }, sluice: { action: 'block', operation: { activity: 'upload' } } }, 'the page can name the event')
      t.equal(arrived(new URL(url).pathname), 0)
    })
  }

  await t.test('a beacon to an unknown address is an upload above 16 KiB', async t => {
    await browser.visit('https://www.dropbox.com/web-upload')
    const beacon = (bytes: number, path: string): Promise<boolean> => page.evaluate<boolean>(
      `navigator.sendBeacon('https://content.dropboxapi.com${NOWHERE + path}', new Blob([new Uint8Array(${bytes})], { type: 'text/plain' }))`,
    )
    t.ok(await beacon(60_000, '/large'), 'the browser takes it')
    const event = await eventOf(({ url }) => url.path === `${NOWHERE}/large`)
    t.match(event, { event: { action: 'upload' }, sluice: { action: 'block', reasons: ['unexplained-body'] } })
    t.ok(await beacon(10_000, '/small'))
    t.match(await eventOf(({ url }) => url.path === `${NOWHERE}/small`), { event: { action: 'other' }, sluice: { action: 'allow' } })
    t.equal(arrived(`${NOWHERE}/large`), 0)
    t.match(origin.requests().filter(({ path }) => path === `${NOWHERE}/small`), [{ bodyBytes: 10_000 }])
  })

  await t.test('what a page sends by WebSocket is an upload above 16 KiB', async t => {
    await browser.visit('https://www.dropbox.com/web-upload')
    const seen = await page.evaluate(async () => {
      const socket = new WebSocket('wss://www.dropbox.com/ws')
      const next = (name: string): Promise<Event> => new Promise(resolve => socket.addEventListener(name, resolve, { once: true }))
      await next('open')
      let echoed = 0
      socket.binaryType = 'arraybuffer'
      socket.addEventListener('message', ({ data }) => { echoed += data.byteLength })
      const first = next('message')
      socket.send(new Uint8Array(10_000))
      await first
      const closed = next('close')
      socket.send(new Uint8Array(100_000))
      await closed
      return echoed
    })
    t.equal(seen, 10_000)
    const event = await eventOf(({ url }) => url.path === '/ws')
    t.match(event, { sluice: { action: 'block', cut: true, client_class: 'browser', reasons: ['unexplained-body'] } })
    t.ok(event !== undefined && event.source.bytes <= UNEXPLAINED, `${event?.source.bytes} bytes left`)
  })

  for (const [protocol, args] of [['h2', []], ['http/1.1', ['--disable-http2']]] as const) {
    await t.test(`over ${protocol} a page reads the refusal of what it is still sending`, async t => {
      const other = await startChromium({ proxy, roots, args })
      t.teardown(() => other.close())
      for (const host of ['drive.google.com', 'contoso.sharepoint.com']) {
        t.equal((await other.visit(`https://${host}/web-upload`)).protocol, protocol)
        await other.page.setInputFiles('#file', [large.path, endless.path])
        for (const line of (await outcome(other.page)).split('\n')) t.match(line, BLOCKED)
      }
      t.equal(origin.fileBytes(), 0)
    })
  }
})

/** What a page of the stand-in says when its uploads have ended, a line for each that failed. */
async function outcome(page: Page): Promise<string> {
  await page.waitForFunction("/^(done|failed)/.test(document.querySelector('#state').textContent)")
  return await page.textContent('#state') ?? ''
}

interface Sent { readonly url: string; readonly method: string; readonly headers: Readonly<Record<string, string>>; readonly bytes: number }

/** Runs in the page. */
async function send({ url, method, headers, bytes }: Sent): Promise<{ status: number; body: string; event: string | null }> {
  const response = await fetch(url, { method, headers, body: new Uint8Array(bytes) })
  return { status: response.status, body: await response.text(), event: response.headers.get('sluice-event') }
}

/** Drops files on the place for it, as a desktop does. */
async function dropFiles(page: Page, files: readonly string[]): Promise<void> {
  const box = await page.locator('#drop').boundingBox()
  if (box === null) throw new Error('the page has no place to drop files on')
  const session = await page.context().newCDPSession(page)
  const at = { x: box.x + box.width / 2, y: box.y + box.height / 2, data: { items: [], files: [...files], dragOperationsMask: 1 } }
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const) await session.send('Input.dispatchDragEvent', { type, ...at })
  await session.detach()
}
