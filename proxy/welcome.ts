/**
 * What the proxy port answers to requests that are not for proxying: the PAC script, the CA certificate, and a page on
 * how to trust it. Nothing else.
 */
import type http from 'node:http'
import { toDer, trustSteps } from '../certs/trust.ts'
import { formatHostPort, unmap } from './host-port.ts'
import { composePac } from './pac.ts'
import { escapeHtml } from './refusal.ts'

export interface WelcomeParts {
  /** PEM of what clients must trust. */
  readonly trustPem: () => string
  readonly fingerprint: () => string
  readonly pac: 'all' | 'providers'
  readonly patterns: readonly string[]
  /** `host:port` that PAC gives out; null: the address that the client reached. */
  readonly publicUrl: string | null
}

export function answerWelcome(parts: WelcomeParts, request: http.IncomingMessage, response: http.ServerResponse): void {
  request.resume()
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { Allow: 'GET, HEAD', 'Content-Length': 0 }).end()
    return
  }
  // The address the client came to, never its Host header: that would let anyone write another proxy into the script.
  const here = formatHostPort(unmap(request.socket.localAddress ?? '127.0.0.1'), request.socket.localPort ?? 0)
  const proxy = parts.publicUrl ?? here
  const path = (request.url ?? '').split('?', 1)[0]
  switch (path) {
    case '/proxy.pac':
    case '/wpad.dat':
      send(request, response, 'application/x-ns-proxy-autoconfig', composePac({ proxy, which: parts.pac, patterns: parts.patterns }))
      return
    case '/sluice-ca.crt':
      send(request, response, 'application/x-x509-ca-cert', parts.trustPem())
      return
    case '/sluice-ca.der':
      send(request, response, 'application/x-x509-ca-cert', toDer(parts.trustPem()))
      return
    case '/':
      send(request, response, 'text/html; charset=utf-8', page(parts, proxy))
      return
    default:
      response.writeHead(404, { 'Content-Type': 'text/plain; charset=utf-8' }).end('Nothing here. This is a proxy: see /\n')
  }
}

function send(request: http.IncomingMessage, response: http.ServerResponse, type: string, body: string | Buffer): void {
  response.writeHead(200, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'max-age=300',
    'X-Content-Type-Options': 'nosniff',
    'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'",
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}

function page(parts: WelcomeParts, proxy: string): string {
  const steps = trustSteps(`http://${proxy}`)
    .map(({ system, steps: lines }) => `<h2>${escapeHtml(system)}</h2><ol>${lines.map((line) => `<li>${escapeHtml(line)}</li>`).join('')}</ol>`)
    .join('\n')
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Sluice</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:46em;margin:3em auto;padding:0 1em;color:#222}code{background:#f2f2f2;padding:0 .3em;overflow-wrap:anywhere}</style></head>
<body><h1>This is a Sluice proxy</h1>
<p>Proxy <code>${escapeHtml(proxy)}</code> · automatic configuration <code>http://${escapeHtml(proxy)}/proxy.pac</code></p>
<p>It opens TLS for cloud-storage and their sign-in hosts only; everything else passes unread. For those hosts your device must trust
<a href="/sluice-ca.crt">this certificate</a> (<a href="/sluice-ca.der">DER</a>). Compare its SHA-256 fingerprint with the one your admin gave you:</p>
<p><code>${escapeHtml(parts.fingerprint())}</code></p>
${steps}
</body></html>
`
}
