import t from 'tap'
import { ACCOUNTS, opaqueToken } from '../origin/accounts.ts'
import { curl } from './curl.ts'
import { startWorld } from './world.ts'

const UPLOAD = 'https://content.dropboxapi.com/2/files/upload'
const QUESTION = /get_current_account/

t.test('tenants.ask puts one question with the client\'s own credential, and waits no longer than it may', async (t) => {
  const world = await startWorld({ config: { tenants: { ask: true, askTimeout: '300ms' } } })
  t.teardown(world.close)
  await world.api('PUT', `/v1/tenants/dropbox/${encodeURIComponent(ACCOUNTS.contoso.dropbox.team ?? '')}`, {})
  await world.setPolicy({ default: 'allow', unknownTenant: 'block', rules: [
    { id: 'foreign', when: { activity: 'upload', tenant: 'unsanctioned' }, action: 'block' },
  ] })
  const upload = async (account: 'contoso' | 'fabrikam', n: number) => (await curl([
    '-H', `Authorization: Bearer ${opaqueToken(account, 'dropbox', n)}`, '-H', 'Content-Type: application/octet-stream',
    '-H', `Dropbox-API-Arg: {"path":"/${account}${n}.txt"}`, '--data-binary', 'hello', UPLOAD,
  ], { proxy: world.proxy, caFile: world.caFile })).status
  const questions = () => world.origin.requests().filter(({ path }) => QUESTION.test(path))

  t.equal(await upload('contoso', 1), 200)
  t.equal(await upload('contoso', 1), 200)
  t.match(questions(), [{ host: 'api.dropboxapi.com', method: 'POST', status: 200 }], 'the answer is kept')
  t.equal(await upload('fabrikam', 1), 403)
  t.equal(questions().length, 2)

  world.origin.behave({ match: { path: QUESTION.source }, delayMs: 3_600_000 })
  t.equal(await upload('contoso', 2), 403, 'a silent provider leaves the tenant unknown')
  world.origin.behave(null)
  t.equal(await upload('contoso', 2), 403, 'and is not asked again for a while')
  t.equal(await upload('contoso', 3), 200)

  world.origin.behave({ match: { path: QUESTION.source }, status: 401 })
  t.equal(await upload('contoso', 4), 403, 'nor does an error tell')
  world.origin.behave(null)
  const asked = questions().length
  await curl(['-H', `Authorization: Bearer ${opaqueToken('contoso', 'dropbox', 5)}`, '-d', '{"path":""}', '-H', 'Content-Type: application/json',
    'https://api.dropboxapi.com/2/files/list_folder'], { proxy: world.proxy, caFile: world.caFile })
  t.equal(questions().length, asked, 'what brings no content is worth no question')
})
