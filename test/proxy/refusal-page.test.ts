import t from 'tap'
import { HeaderTable } from '../../proxy/head.ts'
import { refusalPage } from '../../proxy/refusal-page.ts'
import { chooseLanguage, LANGUAGES, WORDS } from '../../proxy/refusal-words.ts'
import type { Refused, RefusalText } from '../../proxy/refusal.ts'

const refused: Refused = {
  code: 'policy.blocked', message: undefined, ruleId: 'foreign', eventId: 'ev1', form: null, host: '', path: '', method: 'POST',
  headers: new HeaderTable(['accept-language', 'ru-RU,ru;q=0.9,en;q=0.5']), isProviderOrigin: () => false, now: new Date(0),
}
const text: RefusalText = { organisation: 'Contoso <b>', contact: 'it@contoso.example', logo: null, language: 'en' }

t.test('a page in the language that was chosen, the rule\'s own words in any', async t => {
  const english = refusalPage(refused, 403, text)
  t.match(english, '<html lang="en">')
  t.match(english, '<h1>This upload is blocked by policy.</h1>')
  const russian = refusalPage(refused, 403, { ...text, language: 'auto' })
  t.match(russian, '<html lang="ru">')
  t.match(russian, '<h1>Передача файла запрещена политикой.</h1>')
  t.match(russian, 'Contoso &lt;b&gt; проверяет')
  t.match(russian, '<p>Вопросы: it@contoso.example</p>')
  t.match(refusalPage({ ...refused, message: 'Ours <i>only</i>' }, 403, { ...text, language: 'ru' }), '<h1>Ours &lt;i&gt;only&lt;/i&gt;</h1>')
})

t.test('a logo is part of the page', async t => {
  t.match(refusalPage(refused, 403, { ...text, logo: 'data:image/png;base64,AA"' }), '<img src="data:image/png;base64,AA&quot;" alt="">')
  t.notMatch(refusalPage(refused, 403, text), '<img')
})

t.test('the language that a browser prefers, of those that there are', async t => {
  for (const [header, language] of [
    [undefined, 'en'], ['', 'en'], ['ru', 'ru'], ['RU-ru', 'ru'], ['de,ru;q=0.2', 'ru'], ['en,ru', 'en'], ['en;q=0.4,ru;q=0.5', 'ru'], ['run', 'en'],
    ['ru;q=0', 'en'], ['ru;q=x', 'en'], ['*', 'en'], [`${'de,'.repeat(1_000)}ru`, 'en'],
  ] as const) t.equal(chooseLanguage('auto', header), language, String(header))
  t.equal(chooseLanguage('ru', 'en'), 'ru')
})

t.test('no language leaves anything unsaid, or says it in another', async t => {
  const { en, ...others } = WORDS
  for (const [language, words] of Object.entries(others)) {
    for (const [code, { text, remedy }] of Object.entries(words.codes)) t.ok(text.length > 5 && remedy.length > 5, `${language} ${code}`)
    t.notOk(Object.values(words.codes).some(({ text }) => Object.values(en.codes).some(other => other.text === text)))
  }
  t.strictSame(Object.keys(WORDS).sort(), [...LANGUAGES].sort())
})
