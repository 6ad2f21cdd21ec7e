import { once } from 'node:events'
import http from 'node:http'
import { join } from 'node:path'
import t from 'tap'
import { prepareSuccessor } from '../../certs/renew.ts'
import { fingerprint } from '../../certs/trust.ts'
import { answerWelcome } from '../../proxy/welcome.ts'
import { DOMAINS, open, renew } from '../certs/fixture.ts'

const dir = t.testdir()
const first = await open(dir)
let authority = first
const server = http.createServer((request, response) => answerWelcome({
  authority: () => authority, pac: 'all', patterns: [], publicUrl: 'proxy.example:3128',
}, request, response, (request.url ?? '').split('?', 1)[0] ?? ''))
server.listen(0, '127.0.0.1')
await once(server, 'listening')
t.teardown(() => server.close())
const address = server.address()
const origin = `http://127.0.0.1:${typeof address === 'object' ? address?.port ?? 0 : 0}`
const page = async (): Promise<string> => (await fetch(`${origin}/`)).text()

t.test('the page can be read by a program that reads aloud, on a phone, and without the network', async t => {
  const answer = await fetch(`${origin}/`)
  t.match(answer.headers.get('content-type'), 'text/html; charset=utf-8')
  t.match(answer.headers.get('content-security-policy'), /^default-src 'none'; style-src 'unsafe-inline'; .*frame-ancestors 'none'$/)
  const html = await answer.text()
  t.match(html, /^<!doctype html>\n<html lang="en">/)
  t.match(html, /<title>[^<]{10,60}<\/title>/)
  t.match(html, '<meta name="viewport" content="width=device-width, initial-scale=1">')
  t.match(html, 'overflow-wrap:anywhere')
  const levels = [...html.matchAll(/<h([1-6])>/g)].map(([, level]) => Number(level))
  t.equal(levels[0], 1)
  t.equal(levels.filter(level => level === 1).length, 1)
  t.ok(levels.every((level, i) => level <= (levels[i - 1] ?? 0) + 1), `no heading is skipped: ${levels.join(' ')}`)
  t.same([...html.matchAll(/href="([^"]*)"/g)].map(([, href]) => href), ['/sluice-ca.crt', '/sluice-ca.der'])
  t.notMatch(html, /<(script|link|img|iframe)|src=|url\(|@import/)
  for (const [, text = ''] of html.matchAll(/<(?:p|li)>(?!<code>)([^<]*)/g)) t.match(text, /^[A-Zc]/, 'a sentence')
  t.match(html, '<li><code>sudo update-ca-certificates</code></li>')
})

t.test('the page and both downloads give the authority in use; its successor and earlier ones are listed', async t => {
  const shown = (pem: string): string => `<code>${fingerprint(pem)}</code>, valid until 2`
  t.match(await page(), shown(first.trustPem))
  t.notMatch(await page(), /successor|Earlier/)
  const { trustPem } = await prepareSuccessor({ dir: join(dir, 'ca'), constrain: 'catalogue', domains: DOMAINS })
  authority = await open(dir)
  t.ok((await page()).split('Its successor')[1]?.includes(shown(trustPem)))
  t.equal(await (await fetch(`${origin}/sluice-ca.crt`)).text(), first.trustPem)

  authority = await renew(dir, [])
  t.equal(authority.trustPem, trustPem)
  const [now = '', earlier = ''] = (await page()).split('Earlier certificates')
  t.ok(now.includes(shown(trustPem)) && !now.includes(shown(first.trustPem)))
  t.ok(earlier.includes(shown(first.trustPem)))
  t.equal(await (await fetch(`${origin}/sluice-ca.crt`)).text(), trustPem)
})

t.test('what is not there says what this is', async t => {
  const none = await fetch(`${origin}/ca.key`)
  t.match([none.status, await none.text()], [404, /web proxy: open \/ /])
  const post = await fetch(`${origin}/`, { method: 'POST', body: 'x' })
  t.match([post.status, post.headers.get('allow'), await post.text()], [405, 'GET, HEAD', /Only GET/])
  const head = await fetch(`${origin}/`, { method: 'HEAD' })
  t.match([head.status, await head.text()], [200, ''])
})
