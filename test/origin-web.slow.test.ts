/** The pages of the stand-in, in Debian's Chromium: what a browser sends arrives, and what the real hosts refuse is refused. */
import t from 'tap'
import { noChromium, startChromium } from './e2e/chromium.ts'
import { makeFile } from './origin/bytes.ts'
import { startOrigin } from './origin/origin.ts'
import { startTunnel } from './origin/tunnel.ts'

const LARGE = 21_000_000

/** Page, provider, the host that takes the content, and the ways that the page knows. */
const PAGES = [
  ['www.dropbox.com', 'dropbox', 'dl-web.dropbox.com', ['blocks']],
  ['drive.google.com', 'google-drive', 'clients6.google.com', ['simple', 'session']],
  ['onedrive.live.com', 'onedrive', 'my.microsoftpersonalcontent.com', ['simple', 'session', 'stream']],
  ['contoso.sharepoint.com', 'sharepoint', 'contoso.sharepoint.com', ['simple', 'session', 'stream']],
] as const

t.test('Chromium uploads through the pages', { skip: noChromium() }, async t => {
  const origin = await startOrigin()
  t.teardown(() => origin.close())
  const tunnel = await startTunnel(origin)
  t.teardown(() => tunnel.close())
  const browser = await startChromium({ proxy: `--proxy-server=${tunnel.url}`, roots: [origin.caFile] })
  t.teardown(() => browser.close())
  const { page } = browser
  const dir = t.testdir()
  const small = await makeFile(1000, { dir, name: "it's (1) & 100%.bin" })
  const large = await makeFile(LARGE, { dir, name: 'large.bin' })

  for (const [host, provider, contentHost, ways] of PAGES) {
    for (const way of ways) {
      await t.test(`${host}, ${way}`, async t => {
        await origin.reset()
        await browser.visit(`https://${host}/web-upload`)
        await page.fill('#way', way)
        await page.setInputFiles('#file', [small.path, large.path])
        await page.waitForFunction("/^(done|failed)/.test(document.querySelector('#state').textContent)")
        t.equal(await page.textContent('#state'), 'done')
        const stored = origin.stored().map(({ provider, name, sha256 }) => ({ provider, name, sha256 }))
        t.match(stored.sort((a, b) => a.name < b.name ? -1 : 1), [
          { provider, name: "it's (1) & 100%.bin", sha256: small.sha256 }, { provider, name: 'large.bin', sha256: large.sha256 },
        ])
        const arrived = origin.requests().filter(({ content, bodyBytes }) => content && bodyBytes > 0)
        t.ok(arrived.every(request => request.host === contentHost), `all to ${contentHost}`)
        t.ok(origin.fileBytes() >= small.size + LARGE && origin.fileBytes() < small.size + LARGE + 3000, `${origin.fileBytes()} bytes`)
      })
    }
  }
})
