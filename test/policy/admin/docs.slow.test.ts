/** The page of the API in a real browser: it comes whole under its own content security policy, and asks nobody else. */
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { noChromium, startChromium } from '../../e2e/chromium.ts'
import { startAdmin } from './harness.ts'

t.test('/docs shows every group of operations, loads nothing from elsewhere, and tries a request', { skip: noChromium() }, async (t) => {
  const { app, secrets } = await startAdmin(t)
  await app.listen({ host: '127.0.0.1', port: 0 })
  const base = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
  const { page, close } = await startChromium({ proxy: '--no-proxy-server', roots: [] })
  t.teardown(close)
  const [asked, complaints]: [string[], string[]] = [[], []]
  page.on('request', (request) => asked.push(request.url()))
  page.on('console', (message) => { if (message.type() === 'error') complaints.push(message.text()) })
  page.on('pageerror', (error) => complaints.push(error.message))
  await page.goto(`${base}/docs`)
  await page.waitForSelector('#operations-policy-getPolicy')
  t.strictSame(asked.filter((url) => !url.startsWith(base) && !url.startsWith('data:')), [])
  t.strictSame(complaints, [])

  await page.click('.btn.authorize')
  await page.fill('.auth-container input', secrets.viewer)
  await page.click('.auth-btn-wrapper .authorize')
  await page.click('.auth-btn-wrapper .btn-done')
  await page.click('#operations-policy-getPolicy .opblock-summary-control')
  await page.click('#operations-policy-getPolicy .try-out__btn')
  await page.click('#operations-policy-getPolicy .execute')
  const told = await page.waitForSelector('#operations-policy-getPolicy .live-responses-table tbody .response-col_status')
  t.match(await told.innerText(), '200')
  t.strictSame(complaints, [])
})
