/** The refusal page as a browser shows it through the proxy, in the language that it prefers, with the organisation's logo. */
import { mkdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import t from 'tap'
import { noChromium, startChromium } from './chromium.ts'
import { withRules } from './policies.ts'
import { startWorld } from './world.ts'

const SHOTS = join(import.meta.dirname, '../../.screenshots')
const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js')
const LOGO = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 30"><script>document.title="script"</script><rect width="120" height="30" rx="6" fill="#2e6fb5"/></svg>'

for (const [language, heading, questions] of [
  ['ru-RU', 'Передача файла запрещена политикой.', 'Вопросы: it@contoso.example'],
  ['en-GB', 'This upload is blocked by policy.', 'Questions: it@contoso.example'],
] as const) {
  t.test(`a browser that prefers ${language}`, { skip: noChromium(), timeout: 60_000 }, async t => {
    const dir = t.testdir({ 'logo.svg': LOGO })
    const world = await startWorld({ config: { refusal: { organisation: 'Contoso', contact: 'it@contoso.example', logo: join(dir, 'logo.svg'), language: 'auto' } } })
    t.teardown(() => world.close())
    await world.setPolicy(withRules({ id: 'nothing', when: {}, action: 'block' }))
    const browser = await startChromium({ proxy: `--proxy-pac-url=${world.proxy}/proxy.pac`, roots: [world.caFile, world.origin.caFile], args: [`--accept-lang=${language}`] })
    t.teardown(() => browser.close())
    const { page } = browser
    const said: string[] = []
    page.on('console', message => { if (message.type() === 'error' && !message.text().includes('403')) said.push(message.text()) })
    await page.setViewportSize({ width: 390, height: 700 })
    const answer = await page.goto('https://www.dropbox.com/home')
    t.equal(answer?.status(), 403)
    t.equal(await page.textContent('h1'), heading)
    t.match(await page.innerText('main'), questions)
    t.equal(await page.getAttribute('html', 'lang'), language.slice(0, 2))
    t.ok(await page.evaluate('document.querySelector("img").naturalWidth > 0'), 'the logo is shown')
    t.match(await page.title(), heading, 'and nothing of it runs')
    t.ok(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), 'nothing is wider than a phone')
    await mkdir(SHOTS, { recursive: true })
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      await page.screenshot({ path: join(SHOTS, `refusal-${language}-${colorScheme}.png`) })
      await page.evaluate(await readFile(AXE, 'utf8'))
      t.strictSame(await page.evaluate('axe.run().then(({ violations }) => violations.filter(({ impact }) => impact === "serious" || impact === "critical").map(({ id }) => id))'), [], `${colorScheme}: nothing serious for axe`)
    }
    t.strictSame(said, [], 'the policy of the page stops nothing of it')
  })
}
