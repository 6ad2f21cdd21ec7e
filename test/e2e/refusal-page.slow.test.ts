/** The refusal page as a browser shows it through the proxy, in the language that it prefers, with the organisation's logo. */
import { join } from 'node:path'
import t from 'tap'
import { noChromium, startChromium } from './chromium.ts'
import { withRules } from './policies.ts'
import { listen, seriousFaults } from './sound-page.ts'
import { startWorld } from './world.ts'

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
    const said = listen(page)
    await page.setViewportSize({ width: 390, height: 700 })
    const answer = await page.goto('https://www.dropbox.com/home')
    t.equal(answer?.status(), 403)
    t.equal(await page.textContent('h1'), heading)
    t.match(await page.innerText('main'), questions)
    t.equal(await page.getAttribute('html', 'lang'), language.slice(0, 2))
    t.ok(await page.evaluate('document.querySelector("img").naturalWidth > 0'), 'the logo is shown')
    t.match(await page.title(), heading, 'and nothing of it runs')
    t.ok(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), 'nothing is wider than a phone')
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      t.strictSame(await seriousFaults(page, `refusal-${language}-${colorScheme}`), [], `${colorScheme}: nothing serious for axe`)
    }
    t.strictSame(said.filter(words => !words.includes('403')), [], 'the policy of the page stops nothing of it')
  })
}
