/**
 * CONNECT: checks the destination, reads the ClientHello, then opens the tunnel, passes it on blind, or refuses it.
 */
import type http from 'node:http'
import type { Socket } from 'node:net'
import { clientKey } from '../policy/client-key.ts'
import { HelloReader } from './client-hello.ts'
import type { ClientHello } from './client-hello.ts'
import type { HostRole } from '../policy/providers/provider.ts'
import { writeAlert, writeRefusal } from './connect-answer.ts'
import { checkPort } from './destination.ts'
import { RefusedError, UnauthenticatedError } from './errors.ts'
import type { RefusalCode } from './errors.ts'
import type { Front } from './front.ts'
import { touch } from './touch.ts'
import { parseHost, parseHostPort } from './host-port.ts'
import type { HostPort } from './host-port.ts'
import { isRefusedByName, passBlind } from './pass-blind.ts'
import type { BlindParts, Refuse } from './pass-blind.ts'
import { peerOf } from './peer.ts'
import type { OpenLimits } from './open-limits.ts'
import type { Authenticate, OpenPeople, Proven } from './people/open-people.ts'
import { nextTunnelId } from './tunnel.ts'
import type { Tunnel } from './tunnel.ts'
import type { Via } from './via.ts'

export interface ConnectParts extends BlindParts {
  readonly via: Via
  readonly front: Front
  readonly limits: Pick<OpenLimits, 'numbers' | 'tunnels' | 'watch' | 'memory'>
  /** Proves who asks for a tunnel; null: nobody need say. */
  readonly authenticate: Authenticate | null
  /** Ends a tunnel when what let its user in holds no more. */
  readonly holdTunnel: OpenPeople['holdTunnel']
  /** The host's place in the catalogue, if it is to be opened, or refused because it cannot be. */
  readonly intercepts: (host: string) => HostRole | null
  /** Whether the host would be opened if it were not for break-glass. */
  readonly isUnopened: (host: string) => boolean
}

export function handleConnect(parts: ConnectParts, request: http.IncomingMessage, socket: Socket, head: Buffer): void {
  socket.on('error', () => socket.destroy())
  const target = readTarget(request)
  const peer = peerOf(socket)
  const stranger: Tunnel = {
    id: nextTunnelId(), peer, at: Date.now(), startedAt: performance.now(),
    host: target?.host ?? '', port: target?.port ?? 0, serverName: '', pinned: false,
    destroy: () => socket.destroy(),
    touch: () => touch(socket),
  }
  const refuser = (tunnel: Tunnel): Refuse => (code, detail, tell, judgement) => {
    parts.record(tunnel, { kind: 'refused', up: 0, down: 0, refusal: code, detail, ...judgement === undefined ? {} : { judgement } })
    tell()
  }
  if (target === null) {
    refuser(stranger)('request.malformed', 'CONNECT without a valid host and port', () => writeRefusal(socket, 'request.malformed'))
    return
  }
  if (declaresContent(request)) {
    refuser(stranger)('request.malformed', 'CONNECT with content', () => writeRefusal(socket, 'request.malformed'))
    return
  }
  if (parts.via.isOwn(request.rawHeaders)) {
    refuser(stranger)('proxy.loop', 'Via', () => writeRefusal(socket, 'proxy.loop'))
    return
  }
  if (parts.limits.memory.isShedding) {
    refuser(stranger)('proxy.overloaded', '', () => writeRefusal(socket, 'proxy.overloaded'))
    return
  }
  if (parts.authenticate === null) {
    admit(parts, socket, head, stranger, target, refuser(stranger))
    return
  }
  authenticate(parts.authenticate, request, peer.ip, socket).then(
    ({ user, answer }) => {
      // The client did not wait for the answer; nothing was opened, so there is nothing to tell. Nobody else would notice any more
      // that it has closed its side.
      if (socket.readableEnded) socket.destroy()
      if (socket.destroyed) return
      const tunnel: Tunnel = { ...stranger, peer: { ...peer, user } }
      socket.once('close', parts.holdTunnel(user, () => socket.destroy()))
      admit(parts, socket, head, tunnel, target, refuser(tunnel), answer)
    },
    (error: unknown) => {
      const { code, detail } = error instanceof RefusedError ? error : new RefusedError('proxy.internal', String(error))
      const challenge = error instanceof UnauthenticatedError ? error.challenge : null
      if (error instanceof UnauthenticatedError && error.isQuestion) {
        parts.record(stranger, { kind: 'refused', up: 0, down: 0, refusal: code, detail, asked: true })
        writeRefusal(socket, code, challenge)
        return
      }
      refuser(stranger)(code, detail, () => writeRefusal(socket, code, challenge))
    },
  )
}

/** What is remembered is answered, or refused, at once; here both come as a promise. */
async function authenticate(check: Authenticate, request: http.IncomingMessage, ip: string, socket: Socket): Promise<Proven> {
  return check(request.rawHeaders, ip, socket)
}

/** `answer`: what proves the proxy to the client. */
function admit(parts: ConnectParts, socket: Socket, head: Buffer, tunnel: Tunnel, target: HostPort, refuse: Refuse, answer?: string): void {
  if (parts.underWay.stopping) {
    refuse('proxy.draining', '', () => writeRefusal(socket, 'proxy.draining'))
    return
  }
  try {
    checkPort(target.port)
  } catch (error) {
    const code = error instanceof RefusedError ? error.code : 'proxy.internal'
    refuse(code, `port ${target.port}`, () => writeRefusal(socket, code))
    return
  }
  if (parts.intercepts(target.host) === 'pinned') {
    refuse('tunnel.pinned', '', () => writeRefusal(socket, 'tunnel.pinned'))
    return
  }
  if (parts.intercepts(target.host) === null && !parts.isUnopened(target.host) && isRefusedByName(parts, target.host)) {
    refuse('tunnel.front', '', () => writeRefusal(socket, 'tunnel.front'))
    return
  }
  const full = takePlace(parts.limits.tunnels, socket, tunnel)
  if (full !== null) {
    refuse(full, '', () => writeRefusal(socket, full))
    return
  }
  socket.write(`HTTP/1.1 200 Connection established\r\n${answer === undefined ? '' : `Proxy-Authenticate: ${answer}\r\n`}\r\n`)
  if (head.length > 0) socket.unshift(head)
  readHello(socket, parts.limits.numbers.handshakeTime).then(
    (first) => route(parts, socket, tunnel, target, first, refuse),
    (error: unknown) => refuse('request.timeout', error instanceof Error ? error.message : String(error), () => socket.destroy()),
  ).catch((error: unknown) => refuse('proxy.internal', String(error), () => socket.destroy()))
}

/** Takes the tunnel's place until its connection closes; else why there is none. */
function takePlace(places: OpenLimits['tunnels'], socket: Socket, { peer }: Tunnel): RefusalCode | null {
  const who = clientKey(peer)
  const full = places.take(who)
  if (full !== null) return full === 'each' ? 'client.too-many-tunnels' : 'proxy.too-many-tunnels'
  socket.once('close', () => places.giveBack(who))
  return null
}

/**
 * RFC 9110 §9.3.6: a CONNECT has no content. What follows a length or coding is a body to one reader, and the beginning of the
 * tunnel to another; no program means it. A length of nothing says the same as none.
 */
function declaresContent({ headers }: http.IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || !/^0*$/.test(headers['content-length'] ?? '')
}

/** What came first through a tunnel. `unused`: its client closed it before it said anything, as browsers do with spare ones. */
type First = { readonly is: 'hello'; readonly hello: ClientHello } | { readonly is: 'not-tls' | 'malformed' | 'unused' }

function readTarget(request: http.IncomingMessage): HostPort | null {
  const target = parseHostPort(request.url ?? '', null)
  const host = request.headers.host
  if (target === null || host === undefined) return target
  // RFC 9110 §7.2: Host is the target's authority. Some clients leave the port out of it.
  const named = parseHostPort(host, target.port)
  return named !== null && named.host === target.host ? target : null
}

/** A client that got its 200 and says nothing is given up after `timeoutMs`; server-speaks-first protocols end here too. */
function readHello(socket: Socket, timeoutMs: number): Promise<First> {
  return new Promise((resolve, reject) => {
    const hello = new HelloReader()
    const read: Buffer[] = []
    const stop = (): void => {
      clearTimeout(timer)
      socket.removeListener('readable', onReadable)
      socket.removeListener('end', onEnd)
      socket.removeListener('close', onEnd)
      if (read.length > 0 && !socket.destroyed) socket.unshift(joined(read))
    }
    const onReadable = (): void => {
      for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read() as Buffer | null) {
        read.push(chunk)
        const reading = hello.take(chunk)
        if (reading.is === 'more') continue
        stop()
        resolve(reading)
        return
      }
    }
    const onEnd = (): void => {
      stop()
      if (read.length === 0) resolve({ is: 'unused' })
      else reject(new Error('the client closed the tunnel in the middle of its ClientHello'))
    }
    const timer = setTimeout(() => {
      stop()
      reject(new Error('the client did not say in time what it wants of the tunnel'))
    }, timeoutMs)
    socket.on('readable', onReadable)
    socket.once('end', onEnd)
    socket.once('close', onEnd)
    onReadable()
  })
}

/** As it is where it came in one piece: a copy would take room in a buffer that others share, and which one of them keeps. */
function joined(read: readonly Buffer[]): Buffer {
  const [first] = read
  return first !== undefined && read.length === 1 ? first : Buffer.concat(read)
}

function route(parts: ConnectParts, socket: Socket, tunnel: Tunnel, target: HostPort, first: First, refuse: Refuse): void {
  if (first.is === 'unused') {
    socket.destroy()
    return
  }
  const isOpened = parts.intercepts(target.host)
  if (first.is !== 'hello') {
    if (isOpened && first.is === 'not-tls') {
      refuse('tunnel.plain-http', 'not TLS to a catalogue host', () => writeRefusal(socket, 'tunnel.plain-http'))
    } else if (isOpened || parts.opaque === 'block' || first.is === 'malformed') {
      refuse('tunnel.opaque', first.is, () => writeRefusal(socket, 'tunnel.opaque'))
    } else passBlind(parts, socket, tunnel, { target, opaque: true, unopened: parts.isUnopened(target.host), open: null }, refuse)
    return
  }
  const { hello } = first
  const name = hello.serverName === null ? null : parseHost(hello.serverName)
  const nameRole = name === null || name.kind === 'ip' ? null : parts.intercepts(name.host)
  if (name !== null && nameRole === 'pinned') {
    refuse('tunnel.pinned', `SNI ${name.host}`, () => writeAlert(socket, 'access-denied'))
    return
  }
  if (name !== null && name.kind === 'name' && nameRole !== null) {
    // Where CONNECT named another host, each request is answered with the mismatch: the client can read it there.
    open(parts, socket, { ...tunnel, serverName: name.host })
    return
  }
  if (isOpened) {
    // No certificate can be made for the name that was asked for, so the refusal is an alert.
    const detail = name === null ? 'no SNI' : `SNI ${name.host}`
    refuse(name === null ? 'tunnel.opaque' : 'identity.mismatch', detail, () => writeAlert(socket, 'unrecognized-name'))
    return
  }
  const hidden = hello.ech && name?.host !== target.host
  const opaque = name === null || target.kind === 'ip' || hidden
  if (opaque && parts.opaque === 'block') {
    const detail = hidden ? 'encrypted ClientHello' : name === null ? 'no SNI' : 'IP literal'
    refuse('tunnel.opaque', detail, () => writeAlert(socket, 'access-denied'))
    return
  }
  if (!opaque && name.host !== target.host) {
    refuse('identity.mismatch', `SNI ${name.host}`, () => writeAlert(socket, 'unrecognized-name'))
    return
  }
  const unopened = parts.isUnopened(target.host) || (name !== null && parts.isUnopened(name.host))
  const agreed = opaque ? null : () => open(parts, socket, { ...tunnel, serverName: target.host })
  passBlind(parts, socket, tunnel, { target, opaque, unopened, open: agreed }, refuse)
}

function open(parts: ConnectParts, socket: Socket, tunnel: Tunnel): void {
  parts.opened('intercepted')
  socket.once('close', () => parts.record(tunnel, { kind: 'intercepted', up: socket.bytesRead, down: socket.bytesWritten }))
  parts.front.accept(socket, tunnel)
}
