/** The console's policy views in a real browser, on a Sluice that carries traffic. */
import t from 'tap'
import { noChromium, startChromium } from './chromium.ts'
import { curl } from './curl.ts'
import { listen, seriousFaults } from './sound-page.ts'
import { ALLOW_ALL, CONTENT, UPLOAD } from './wire.ts'
import { startWorld } from './world.ts'

const BLOCKING = 'default: allow\nunknownTenant: allow\nrules:\n  - id: no-uploads\n    action: block\n    when: { activity: upload }\n'

t.test('a rule is drafted, checked, tried, stored, compared and taken back; tenants come and go', { skip: noChromium(), timeout: 120_000 }, async (t) => {
  const sluice = await startWorld({})
  t.teardown(() => sluice.close())
  await sluice.setPolicy(ALLOW_ALL)
  const upload = async (): Promise<number> => (await curl(['-H', 'Authorization: Bearer FAKE-TOKEN', '-H', 'Dropbox-API-Arg: {"path":"/plan.txt"}',
    '-H', 'Content-Type: application/octet-stream', '--data-binary', 'x', `https://${CONTENT}${UPLOAD}`], sluice)).status
  t.equal(await upload(), 200)
  const chromium = await startChromium({ proxy: '--no-proxy-server', roots: [] })
  t.teardown(() => chromium.close())
  const { page } = chromium
  const said = listen(page)
  const look = async (name: string): Promise<void> => {
    t.strictSame(await seriousFaults(page, name), [], `${name}: nothing serious for axe`)
  }
  const says = (words: string): Promise<void> => page.locator('#status', { hasText: words }).waitFor()
  const button = (name: string): Promise<void> => page.getByRole('button', { name, exact: true }).click()

  await page.goto(`${sluice.admin}/console/#/rules`)
  await page.keyboard.type(sluice.token)
  await page.keyboard.press('Enter')
  await says('Revision 2.')
  const draft = page.getByLabel('The policy, in YAML')
  await draft.fill(BLOCKING.replace('block', 'blok'))
  await button('Validate')
  await page.locator('#found code', { hasText: 'rules/0' }).first().waitFor()
  await look('rules-fault')
  await draft.fill(BLOCKING)
  await button('Validate')
  await says('Valid, with 1 rule.')
  await button('Simulate')
  await says('1 would have been others.')
  t.match(await page.locator('#found').innerText(), 'allow → block')
  await look('rules-simulated')
  t.equal(await upload(), 200, 'nothing is stored before it is saved')
  await page.getByLabel('Comment').fill('no more of it')
  await button('Save')
  await says('Stored as revision 3')
  t.equal(await upload(), 403, 'it decides at once')

  // Somebody else comes between.
  await sluice.setPolicy({ default: 'log', unknownTenant: 'allow', rules: [] })
  await draft.fill(BLOCKING.replace('no-uploads', 'mine'))
  await button('Save')
  await page.locator('#found', { hasText: 'Somebody has changed the policy' }).waitFor()
  t.match(await draft.inputValue(), 'id: mine', 'the draft is as it was')
  await look('rules-conflict')
  await page.getByRole('link', { name: 'Tenants' }).click()
  await page.locator('h1', { hasText: 'Tenants' }).waitFor()
  await page.getByRole('link', { name: 'Rules' }).click()
  await says('Your draft, begun from revision 3')
  t.match(await draft.inputValue(), 'id: mine', 'and is kept while another view is looked at')
  await button('Save')
  await button('Keep my draft, and let the next save replace theirs')
  await says('Your draft is as it was')
  await button('Save')
  await says('Stored as revision 5')

  await page.getByRole('link', { name: 'Revisions' }).click()
  await page.locator('td', { hasText: 'no more of it' }).waitFor()
  await look('revisions')
  await page.getByRole('link', { name: 'What revision 3 changed' }).click()
  await page.locator('h2', { hasText: 'Rule no-uploads: added' }).waitFor()
  await page.getByLabel('Compared with revision').fill('5')
  await button('Compare')
  await page.locator('h2', { hasText: 'Rule mine: removed' }).waitFor()
  await look('revision')
  await page.getByRole('link', { name: 'All revisions' }).click()
  await button('Restore 2')
  await page.getByLabel('Why (kept with the change)').fill('as it was')
  await look('restore')
  await button('Restore')
  await says('Restored, as revision 6.')
  t.equal(await upload(), 200, 'what was restored decides')

  await page.getByRole('link', { name: 'Tenants' }).click()
  await page.getByLabel('Account').fill('dropbox')
  await page.getByLabel('Id', { exact: true }).fill('dbtid:console')
  await page.getByLabel('Name', { exact: true }).fill('<b>Ours</b>')
  await button('Store')
  await says('dropbox dbtid:console is on the allowlist.')
  t.equal(await page.locator('main b').count(), 0, 'a name is no markup')
  await look('tenants')
  await button('Remove dropbox dbtid:console')
  await button('Cancel')
  t.equal(await page.locator('td', { hasText: 'dbtid:console' }).count(), 1, 'not without being sure')
  await button('Remove dropbox dbtid:console')
  await button('Remove')
  await says('no longer on the allowlist')
  // Chromium tells of the answers with 409 and 412 itself.
  t.strictSame(said.filter((words) => !/status of 4/.test(words)), [], 'no errors, no violations of the policy')
})

t.test('who may only look is offered nothing else', { skip: noChromium() }, async (t) => {
  const sluice = await startWorld({})
  t.teardown(() => sluice.close())
  const { secret } = await (await sluice.api('POST', '/v1/tokens', { label: 'looks', role: 'viewer' })).json() as { secret: string }
  const chromium = await startChromium({ proxy: '--no-proxy-server', roots: [] })
  t.teardown(() => chromium.close())
  const { page } = chromium
  await page.goto(`${sluice.admin}/console/#/rules`)
  await page.keyboard.type(secret)
  await page.keyboard.press('Enter')
  await page.locator('#status', { hasText: 'Revision' }).waitFor()
  t.equal(await page.getByRole('button', { name: 'Save' }).count(), 0)
  t.equal(await page.getByRole('button', { name: 'Simulate' }).count(), 1)
  await page.getByRole('link', { name: 'Revisions' }).click()
  await page.locator('h1', { hasText: 'Revisions' }).waitFor()
  t.equal(await page.getByRole('button', { name: /Restore/ }).count(), 0)
})
