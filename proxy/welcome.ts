/**
 * What the proxy port answers to requests that are not for proxying: the PAC script, the CA certificate, and a page on
 * how to trust it. Nothing else.
 */
import type http from 'node:http'
import type { Authority } from '../certs/authority.ts'
import { fingerprint, toDer, trustSteps, validUntil } from '../certs/trust.ts'
import type { TrustStep } from '../certs/trust.ts'
import { formatHostPort, unmap } from './host-port.ts'
import { composePac } from './pac.ts'
import { escapeMarkup } from './escape-markup.ts'

export interface WelcomeParts {
  /** The authority in use: what clients must trust, and what else of it may still be, or soon be, trusted. */
  readonly authority: () => Pick<Authority, 'trustPem' | 'previous' | 'next'>
  readonly pac: 'all' | 'providers'
  readonly patterns: readonly string[]
  /** `host:port` that PAC gives out; null: the address that the client reached. */
  readonly publicUrl: string | null
  /** Clients speak TLS to the proxy. */
  readonly secure?: boolean
}

/** `path`: of the page that is asked for, without query. */
export function answerWelcome(parts: WelcomeParts, request: http.IncomingMessage, response: http.ServerResponse, path: string): void {
  request.resume()
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    refuse(response, 405, 'Only GET and HEAD are answered here. This is a web proxy: open / to see how to use it.', { Allow: 'GET, HEAD' })
    return
  }
  // The address the client came to, never its Host header: that would let anyone write another proxy into the script.
  const here = formatHostPort(unmap(request.socket.localAddress ?? '127.0.0.1'), request.socket.localPort ?? 0)
  const proxy = parts.publicUrl ?? here
  switch (path) {
    case '/proxy.pac':
    case '/wpad.dat':
      send(request, response, 'application/x-ns-proxy-autoconfig', composePac({ proxy, secure: parts.secure === true, which: parts.pac, patterns: parts.patterns }))
      return
    case '/sluice-ca.crt':
      send(request, response, 'application/x-x509-ca-cert', parts.authority().trustPem)
      return
    case '/sluice-ca.der':
      send(request, response, 'application/x-x509-ca-cert', toDer(parts.authority().trustPem))
      return
    case '/':
      send(request, response, 'text/html; charset=utf-8', page(parts, proxy))
      return
    default:
      refuse(response, 404, 'There is nothing here. This is a web proxy: open / to see how to use it.')
  }
}

function refuse(response: http.ServerResponse, status: number, text: string, headers: http.OutgoingHttpHeaders = {}): void {
  response.writeHead(status, { ...headers, 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' })
  response.end(`${text}\n`)
}

function send(request: http.IncomingMessage, response: http.ServerResponse, type: string, body: string | Buffer): void {
  response.writeHead(200, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'max-age=300',
    'X-Content-Type-Options': 'nosniff',
    'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}

// Fingerprints and commands are long words: they break anywhere, so that a phone need not scroll sideways.
const STYLE = `:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:46em;margin:2em auto;padding:0 1em}
code{background:rgb(127 127 127/.15);padding:.1em .3em;border-radius:.2em;overflow-wrap:anywhere}
dd,ol{margin-left:0}ol{padding-left:1.5em}`

function page({ authority, secure }: WelcomeParts, proxy: string): string {
  const origin = `${secure === true ? 'https' : 'http'}://${proxy}`
  const { trustPem, previous, next } = authority()
  const upcoming = next === null ? [] : [next]
  const systems = trustSteps(origin)
    .map(({ system, steps }) => `<h3>${escapeMarkup(system)}</h3>\n<ol>${steps.map(item).join('')}</ol>`)
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sluice proxy: how to use and trust it</title>
<style>${STYLE}</style></head>
<body><main>
<h1>This is a Sluice proxy</h1>
<p>It is the web proxy of your organisation. For cloud storage it opens the encrypted connection and decides by a
policy what may be uploaded. Everything else passes through it unread.</p>
<h2>Use the proxy</h2>
<dl><dt>Address</dt><dd><code>${escapeMarkup(secure === true ? origin : proxy)}</code></dd>
<dt>Automatic configuration (PAC)</dt><dd><code>${escapeMarkup(origin)}/proxy.pac</code></dd></dl>
<h2>Trust its certificate</h2>
<p>Your device must trust the certificate of this proxy, or cloud storage does not open: <a href="/sluice-ca.crt">download it as PEM</a>
or <a href="/sluice-ca.der">as DER</a>.</p>
<p>The download is not protected. Before you trust the certificate, compare its SHA-256 fingerprint with the one that your administrator
gave you. This page shows it as well, but came the same way:</p>
<p>${described(trustPem)}</p>
${systems.join('\n')}
${others('Its successor', 'It is not used yet. Your administrator hands it out, so that devices trust it before it is.', upcoming)}
${others('Earlier certificates', 'They are not used any more, but are still valid. Devices need not trust them.', previous)}
</main></body>
</html>
`
}

function item({ is, text }: TrustStep): string {
  return is === 'command' ? `<li><code>${escapeMarkup(text)}</code></li>` : `<li>${escapeMarkup(text)}</li>`
}

function described(pem: string): string {
  return `<code>${fingerprint(pem)}</code>, valid until ${validUntil(pem).toISOString().slice(0, 10)}`
}

function others(title: string, said: string, pems: readonly string[]): string {
  return pems.length === 0 ? '' : `<h2>${title}</h2>\n<p>${said}</p>\n<ul>${pems.map(pem => `<li>${described(pem)}</li>`).join('')}</ul>`
}
