/** The console in a real browser, over the real admin API, with events whose names are hostile. */
import { once } from 'node:events'
import t from 'tap'
import { consoleFiles } from '../../dashboards/console/files.ts'
import type { EcsEvent } from '../../policy/ecs-event.ts'
import { startAdmin } from '../policy/admin/harness.ts'
import { noChromium, startChromium } from './chromium.ts'
import { curl } from './curl.ts'
import { BLOCK_UPLOADS } from './policies.ts'
import { listen, seriousFaults } from './sound-page.ts'
import { CONTENT, UPLOAD } from './wire.ts'
import { startWorld } from './world.ts'

const HOSTILE = '<img src=x onerror="document.title=1">.zip'
const EVENT: EcsEvent = {
  '@timestamp': new Date(Date.now() - 120_000).toISOString(), event: { id: 'hostile-1', action: 'upload', sequence: 5 },
  ...{
    file: { name: HOSTILE }, user_agent: { original: HOSTILE }, rule: { id: 'no-uploads', version: '1' }, source: { ip: '127.0.0.1', bytes: 7 },
    sluice: { action: 'block', reasons: ['rule'], operation: { provider: 'dropbox' } },
  },
}

t.test('a block arrives live, is found by search, and tells its reason; without a mouse', { skip: noChromium() }, async (t) => {
  const admin = await startAdmin(t, {
    console: consoleFiles(),
    events: {
      page: async () => ({ events: [EVENT], next: null, source: 'files' }),
      find: async (id) => id === EVENT.event.id ? EVENT : null,
      follow: async function* (_filter, signal) {
        yield EVENT
        if (!signal.aborted) await once(signal, 'abort')
      },
      namesOf: (user) => [user], pseudonymOf: async () => 'u-1', erase: async () => ({ erased: 0, unread: [] }),
    },
  })
  const origin = await admin.app.listen({ host: '127.0.0.1', port: 0 })
  const chromium = await startChromium({ proxy: '--no-proxy-server', roots: [] })
  t.teardown(() => chromium.close())
  const { page } = chromium
  const said = listen(page)
  const look = async (name: string): Promise<void> => {
    t.strictSame(await seriousFaults(page, name), [], `${name}: nothing serious for axe`)
    t.equal(await page.locator('main img').count(), 0, `${name}: a name is no markup`)
  }

  await page.goto(`${origin}/console/`)
  await look('sign-in')
  await page.keyboard.type(admin.secrets.viewer)
  await page.keyboard.press('Enter')
  await page.locator('td.block').waitFor()
  await page.locator('figure[aria-label="Uploads of the last hour: allow 0, log 0, block 1"]').waitFor()
  t.equal(await page.locator('td.block').count(), 1, 'told live and with the latest, shown once')
  t.match(await page.locator('#who').innerText(), '(viewer)')
  await look('live-light')
  await page.emulateMedia({ colorScheme: 'dark' })
  await look('live-dark')
  await page.setViewportSize({ width: 390, height: 800 })
  await look('live-phone')
  await page.locator('nav a', { hasText: 'Events' }).focus()
  await page.keyboard.press('Enter')
  await page.locator('form[role=search]').waitFor()
  await page.locator('tbody a').focus()
  await look('events')
  await page.keyboard.press('Enter')
  await page.locator('dd', { hasText: 'no-uploads' }).waitFor()
  t.match(await page.locator('main li').allInnerTexts(), ['A rule of the policy applies. rule'])
  await look('why')
  await page.evaluate('sessionStorage.setItem("sluice.token", "none")')
  await page.locator('nav a', { hasText: 'Events' }).focus()
  await page.keyboard.press('Enter')
  await page.locator('input[type=password]').waitFor()
  t.match(await page.locator('#status').innerText(), 'The token is not valid')
  t.strictSame(said.filter((words) => !words.includes('401')), [], 'no errors, no violations of the policy')
})

t.test('what the proxy blocks is seen as it happens, found, and explained', { skip: noChromium() }, async (t) => {
  const sluice = await startWorld({})
  t.teardown(() => sluice.close())
  await sluice.setPolicy(BLOCK_UPLOADS)
  const chromium = await startChromium({ proxy: '--no-proxy-server', roots: [] })
  t.teardown(() => chromium.close())
  const { page } = chromium
  await page.goto(`${sluice.admin}/console/`)
  await page.keyboard.type(sluice.token)
  await page.keyboard.press('Enter')
  await page.locator('#status', { hasText: 'Following' }).waitFor()
  t.equal(await page.locator('td.block').count(), 0)
  const refused = await curl(['-H', 'Authorization: Bearer FAKE-TOKEN', '-H', 'Dropbox-API-Arg: {"path":"/<b>plan.txt"}',
    '-H', 'Content-Type: application/octet-stream', '--data-binary', 'x', `https://${CONTENT}${UPLOAD}`], sluice)
  t.equal(refused.status, 403)
  await page.locator('td.block').waitFor()
  await page.goto(`${sluice.admin}/console/#/events`)
  await page.locator('input[name=rule]').fill('no-uploads')
  await page.locator('select[name=action]').selectOption('block')
  await page.keyboard.press('Enter')
  await page.locator('form button').click()
  await page.locator('#status', { hasText: '1 event' }).waitFor()
  await page.locator('tbody a').first().click()
  await page.locator('dd', { hasText: 'no-uploads' }).first().waitFor()
  t.match(await page.locator('main').innerText(), '<b>plan.txt')
})

t.test('files come with a strict policy and an ETag', async (t) => {
  const admin = await startAdmin(t, { console: consoleFiles() })
  const first = await admin.send(null, { url: '/console/app.js' })
  t.equal(first.statusCode, 200)
  t.match(String(first.headers['content-security-policy']), "default-src 'none'; script-src 'self'")
  t.equal(first.headers['x-content-type-options'], 'nosniff')
  t.equal((await admin.send(null, { url: '/console/app.js', headers: { 'if-none-match': String(first.headers.etag) } })).statusCode, 304)
})
