/**
 * http-mitm-proxy's request pipeline without its front. Every use of the package, and of its underscore members, is in
 * this file, for the exact version pinned in package.json.
 *
 * What is kept: the per-request context, the hooks, the request made from them and the filter that feeds it.
 * What is not: its listener, its certificate authority, its HTTPS server per host, its error texts, which it would
 * print and send to the client, and its way of answering, which drops repeated headers and re-frames bodies.
 */
import http from 'node:http'
import https from 'node:https'
import { Proxy } from 'http-mitm-proxy'
import type { IContext } from 'http-mitm-proxy'
import type { PooledRequestOptions } from './upstream.ts'

/** What the pipeline asks of its owner while one request passes. All are called in this order, some never. */
export interface MitmHooks {
  /** The request to the origin, before it is made. Null where the request is already settled: nothing is sent then. */
  outgoing(request: http.IncomingMessage): PooledRequestOptions | null
  /** The request to the origin exists; no body has been written to it. */
  opened(request: http.IncomingMessage, upstream: http.ClientRequest): void
  /** One chunk of the body. False: do not forward it. */
  data(request: http.IncomingMessage, chunk: Buffer): boolean
  /** The body is complete. False: do not complete the request to the origin. */
  end(request: http.IncomingMessage): boolean
  response(request: http.IncomingMessage, response: http.IncomingMessage): void
  /** Something failed; `kind` is the package's name for the place. True: make the request again, nothing was sent yet. */
  failed(request: http.IncomingMessage | null, error: Error, kind: string): boolean
}

export class Mitm extends Proxy {
  private readonly hooks: MitmHooks
  /** Bodies that were read whole before their request was let through. */
  private readonly held = new WeakMap<http.IncomingMessage, Buffer>()

  constructor(hooks: MitmHooks, agents: { readonly http: http.Agent; readonly https: https.Agent }) {
    super()
    this.hooks = hooks
    // `listen()` would set these, and would make a CA and a server that are not wanted.
    this.options = {}
    this.timeout = 0
    this.keepAlive = true
    this.httpAgent = agents.http
    this.httpsAgent = agents.https
    this.onRequest((ctx, callback) => {
      if (this.prepare(ctx)) callback()
    })
    this.onRequestData((ctx, chunk, callback) => {
      const upstream = ctx.proxyToServerRequest
      if (upstream === undefined) return
      if (!hooks.data(ctx.clientToProxyRequest, chunk)) return
      callback(null, chunk)
      // The package's filter always says that it has room, so the client is paused here.
      if (upstream.writableNeedDrain) {
        ctx.clientToProxyRequest.pause()
        upstream.once('drain', () => ctx.clientToProxyRequest.resume())
      }
    })
    this.onRequestEnd((ctx, callback) => {
      const { clientToProxyRequest: request, proxyToServerRequest: upstream } = ctx
      const held = this.held.get(request)
      if (held !== undefined && held.length > 0) {
        if (!hooks.data(request, held)) return
        upstream?.write(held)
      }
      if (hooks.end(request)) callback()
    })
    // Not calling back takes the response over: it is relayed by `proxy/respond.ts`.
    this.onResponse((ctx) => {
      if (ctx.serverToProxyResponse !== undefined) hooks.response(ctx.clientToProxyRequest, ctx.serverToProxyResponse)
    })
  }

  /**
   * Takes one request through the pipeline. `tls`: the origin is reached over TLS; `held`: the whole body, where it
   * was read already.
   */
  forward(tls: boolean, request: http.IncomingMessage, response: http.ServerResponse, held: Buffer | null): void {
    if (held !== null) this.held.set(request, held)
    // The package wants a Host field; HTTP/2 requests have `:authority`. The real target comes from `outgoing`.
    request.headers.host ??= 'http2.invalid'
    this._onHttpServerRequest(tls, request, response)
  }

  /** The package prints errors and sends their text to the client; here they go to the owner. */
  override _onError(kind: string, ctx: IContext | null, error: Error): void {
    const again = this.hooks.failed(ctx?.clientToProxyRequest ?? null, error, kind)
    if (again && ctx !== null) this.remake(ctx)
  }

  /** The origin closed a kept connection just as it was reused: the request is made once more on a fresh one. */
  private remake(ctx: IContext): void {
    const options = ctx.proxyToServerRequestOptions
    if (options === undefined) return
    // The others that are kept for this client may have been closed as well, so none of them is taken.
    const fresh: PooledRequestOptions = { ...options, poolKey: `again#${ctx.uuid}` }
    const request = (ctx.isSSL ? https : http).request(fresh, (response) => {
      this.hooks.response(ctx.clientToProxyRequest, response)
    })
    request.on('error', (error) => this._onError('PROXY_TO_SERVER_REQUEST_ERROR', ctx, error))
    ctx.proxyToServerRequest = request
    if (ctx.clientToProxyRequest.readableEnded) request.end()
  }

  private prepare(ctx: IContext): boolean {
    const options = this.hooks.outgoing(ctx.clientToProxyRequest)
    if (options === null || ctx.proxyToServerRequestOptions === undefined) return false
    Object.assign(ctx.proxyToServerRequestOptions, options)
    const { clientToProxyRequest } = ctx
    // The package stores the request on the context right after it made it: the next read is the first use.
    let upstream: http.ClientRequest | undefined
    Object.defineProperty(ctx, 'proxyToServerRequest', {
      configurable: true,
      get: () => upstream,
      set: (made: http.ClientRequest) => {
        upstream = made
        this.hooks.opened(clientToProxyRequest, made)
      },
    })
    return true
  }
}
