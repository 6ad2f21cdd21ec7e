import type { ClientRequest } from 'node:http'
import { HttpsProxyAgent } from 'https-proxy-agent'

type ConnectOptions = Parameters<HttpsProxyAgent<string>['connect']>[1]

/**
 * An agent for the SDKs: through the proxy, trusting one CA. HttpsProxyAgent takes TLS options from each request
 * only, where SDKs give no way to set them.
 */
class TrustingProxyAgent extends HttpsProxyAgent<string> {
  readonly #ca: string

  constructor(proxy: string, ca: string) {
    super(proxy)
    this.#ca = ca
  }

  override connect(request: ClientRequest, options: ConnectOptions): ReturnType<HttpsProxyAgent<string>['connect']> {
    return super.connect(request, Object.assign({}, options, { ca: this.#ca }))
  }
}

/** `proxy` is a URL, `ca` PEM. */
export function proxyAgent(proxy: string, ca: string): HttpsProxyAgent<string> {
  return new TrustingProxyAgent(proxy, ca)
}
