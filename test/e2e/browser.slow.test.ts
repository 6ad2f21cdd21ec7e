import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { noChromium, startChromium } from './chromium.ts'
import { startWorld } from './world.ts'

const MESSAGE = 'Company files go to the company OneDrive.'

t.test('Chromium with nothing but the PAC address and the CA', { skip: noChromium() }, async t => {
  const world = await startWorld()
  t.teardown(() => world.close())
  const { origin } = world
  const roots = [world.caFile, origin.caFile]
  const browser = await startChromium({ proxy: `--proxy-pac-url=${world.proxy}/proxy.pac`, roots })
  t.teardown(() => browser.close())
  const { page } = browser
  const authority = new X509Certificate(readFileSync(world.caFile))
  t.beforeEach(() => origin.reset())

  await t.test('loads an intercepted page over HTTP/2, with a certificate of Sluice', async t => {
    const { status, protocol, issuer, leaf, text } = await browser.visit('https://contoso.sharepoint.com/')
    t.equal(status, 200)
    t.match(text, /contoso\.sharepoint\.com/)
    t.equal(protocol, 'h2')
    t.equal(issuer, commonName(authority))
    t.ok(leaf.verify(authority.publicKey), 'the CA signed the leaf')
    t.equal(leaf.subjectAltName, 'DNS:contoso.sharepoint.com')
    t.equal(origin.requests().filter(({ path }) => path === '/').length, 1, 'the page came from the origin')
  })

  await t.test('loads a spliced page with the certificate of its origin', async t => {
    const { status, issuer, leaf, text } = await browser.visit('https://www.example.com/')
    t.equal(status, 200)
    t.match(text, /www\.example\.com/)
    t.equal(issuer, commonName(new X509Certificate(origin.ca)))
    t.equal(leaf.fingerprint256, new X509Certificate(origin.leafPem('www.example.com')).fingerprint256)
    t.notOk(leaf.verify(authority.publicKey))
  })

  await t.test('a page whose upload is blocked reads the refusal', async t => {
    await world.setPolicy(blocking({ activity: 'upload' }))
    await browser.visit('https://content.dropboxapi.com/')
    const refused = await page.evaluate(async () => {
      const response = await fetch('/2/files/upload', {
        method: 'POST', body: 'the secret',
        headers: { 'Dropbox-API-Arg': '{"path":"/secret.txt"}', 'Content-Type': 'application/octet-stream' },
      })
      return { status: response.status, body: await response.json() as { error_summary: string; user_message: { text: string } } }
    })
    t.equal(refused.status, 403)
    t.ok(refused.body.error_summary.startsWith(MESSAGE), refused.body.error_summary)
    t.ok(refused.body.user_message.text.startsWith(MESSAGE))
    t.equal(origin.fileBytes(), 0)
  })

  await t.test('a page reads the refusal of another host of its provider', async t => {
    await world.setPolicy(blocking({ activity: 'upload' }))
    await browser.visit('https://api.dropboxapi.com/')
    const refused = await page.evaluate(async () => {
      // As Dropbox's API takes uploads of pages without a preflight.
      const arg = encodeURIComponent('{"path":"/secret.txt"}')
      const response = await fetch(`https://content.dropboxapi.com/2/files/upload?arg=${arg}&reject_cors_preflight=true`, {
        method: 'POST', headers: { 'Content-Type': 'text/plain; charset=dropbox-cors-hack' }, body: 'the secret',
      })
      const body = await response.json() as { error_summary: string }
      return { status: response.status, event: response.headers.get('sluice-event'), body }
    })
    t.equal(refused.status, 403)
    t.ok(refused.body.error_summary.startsWith(MESSAGE), refused.body.error_summary)
    t.match(refused.event, /./, 'the event can be quoted to an administrator')
    t.equal(origin.fileBytes(), 0)
  })

  await t.test('a page reads the refusal where even its preflight is refused', async t => {
    await world.setPolicy(blocking({ provider: ['onedrive', 'sharepoint'] }))
    await browser.visit('https://content.dropboxapi.com/')
    const refused = await page.evaluate(async () => {
      const url = 'https://graph.microsoft.com/v1.0/me/drive/root:/secret.txt:/content'
      const response = await fetch(url, { method: 'PUT', body: 'the secret' })
      return { status: response.status, body: await response.json() as { error: { code: string; message: string } } }
    })
    t.equal(refused.status, 403)
    t.equal(refused.body.error.code, 'accessDenied')
    t.ok(refused.body.error.message.startsWith(MESSAGE), refused.body.error.message)
    t.equal(origin.requests().filter(({ host }) => host === 'graph.microsoft.com').length, 0)
  })

  await t.test('what a page uploads where it may arrives', async t => {
    await world.setPolicy(blocking({ activity: 'upload', tenant: 'fabrikam' }))
    await browser.visit('https://content.dropboxapi.com/')
    const status = await page.evaluate(async () => {
      const response = await fetch('/2/files/upload', {
        method: 'POST', body: 'nothing secret',
        headers: { 'Dropbox-API-Arg': '{"path":"/plain.txt"}', 'Content-Type': 'application/octet-stream' },
      })
      return response.status
    })
    t.equal(status, 200)
    t.match(origin.stored(), [{ name: 'plain.txt', size: 'nothing secret'.length }])
  })

  await t.test('a person who opens a blocked page reads why', async t => {
    await world.setPolicy(blocking({ activity: 'download' }))
    const address = 'https://contoso-my.sharepoint.com/personal/fay_contoso_example/_layouts/15/download.aspx'
    const { status, text } = await browser.visit(`${address}?UniqueId=1`)
    t.equal(status, 403)
    t.match(text, MESSAGE)
    t.equal(await page.evaluate<string>('document.contentType'), 'text/html')
    t.equal(origin.requests().filter(({ path }) => path.endsWith('download.aspx')).length, 0)
  })
})

function blocking(when: object): object {
  return { default: 'allow', unknownTenant: 'log', rules: [{ id: 'no', when, action: 'block', message: MESSAGE }] }
}

function commonName({ subject }: X509Certificate): string {
  return /^CN=(.*)$/m.exec(subject)?.[1] ?? ''
}
