/** Tickets of a real KDC before the library that checks them: what passes, what does not, and that nothing is left behind. */
import { chmod, copyFile, rm, writeFile } from 'node:fs/promises'
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { openAcceptor, TokenError } from '../../../proxy/people/gssapi.ts'
import type { Accepted, Acceptor, AcceptorOptions } from '../../../proxy/people/gssapi.ts'
import { allocated } from './allocated.ts'
import { initiator } from './initiator.ts'
import { noKdc, startKdc, tokenOf } from './kdc.ts'
import type { Kdc } from './kdc.ts'

const [SPNEGO, NTLM, KRB5, MS_KRB5, NEGOEX] = [
  '06062b0601050502', '060a2b06010401823702020a', '06092a864886f712010202', '06092a864882f712010202', '060a2b06010401823702021e',
].map(hex => Buffer.from(hex, 'hex')) as [Buffer, Buffer, Buffer, Buffer, Buffer]

/** A client's first word in SPNEGO (RFC 4178 §4.2.1): the mechanisms that it can do, and a token of the first. */
function offer(token: Buffer, ...mechanisms: readonly Buffer[]): Buffer {
  return der(0x60, SPNEGO, der(0xa0, der(0x30, der(0xa0, der(0x30, ...mechanisms)), der(0xa2, der(0x04, token)))))
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from(body.length < 128 ? [tag, body.length] : [tag, 0x82, body.length >> 8, body.length & 0xff]), body])
}

interface Ready {
  readonly kdc: Kdc
  readonly keytab: string
  readonly open: (more?: Partial<AcceptorOptions>) => Promise<Acceptor>
  readonly acceptor: Acceptor
  /** Whom a token proves, or what is wrong with it. */
  readonly tell: (token: Buffer, by?: Acceptor) => Promise<string>
}

async function start(): Promise<Ready> {
  const kdc = await startKdc(['anna', 'bob', 'eve'])
  t.teardown(() => kdc.close())
  const keytab = kdc.keytab('http.keytab', 'HTTP/localhost')
  for (const user of ['anna', 'bob']) kdc.signIn(user)
  const open: Ready['open'] = more => openAcceptor({ keytab, principal: null, replayCache: join(kdc.dir, 'replays'), ...more })
  const acceptor = await open()
  t.teardown(() => { acceptor.close() })
  const tell: Ready['tell'] = (token, by = acceptor) => by.accept(token).then(
    ({ principal }) => principal,
    (error: unknown) => error instanceof TokenError ? error.message : `no TokenError: ${String(error)}`,
  )
  return { kdc, keytab, open, acceptor, tell }
}

const skip = noKdc()
let started: Promise<Ready> | null = null

/** One after another, each with the same KDC. */
function test(name: string, work: (t: Test, ready: Ready) => Promise<void>): void {
  void t.test(name, { skip }, async (t) => {
    started ??= start()
    await work(t, await started)
  })
}

test('a ticket proves its user once, and the proxy to him', async (t, { kdc, open, acceptor, tell }) => {
  const token = await tokenOf(kdc, 'anna')
  const accepted: Accepted = await acceptor.accept(token)
  t.match(accepted, { principal: 'anna@SLUICE.TEST', service: 'HTTP/localhost@SLUICE.TEST' })
  t.ok(accepted.answer.length > 100, 'mutual authentication')
  t.ok(accepted.seconds > 0 && accepted.seconds <= 3_600 + 300)
  t.match(await tell(token), /replay/)
  const other = await open()
  t.match(await tell(token, other), /replay/, 'nor by another process that remembers in the same file')
  other.close()
})

test('what is no token, or one that was changed, proves nobody', async (t, { kdc, tell }) => {
  for (const token of ['', 'hello', 'NTLMSSP\0\x01\0\0\0', '\x60\x84\xff\xff\xff\xff', '\x60\x80', 'x'.repeat(48_000)]) {
    t.match(await tell(Buffer.from(token, 'latin1')), /invalid token|unsupported mechanism|another mechanism/i, JSON.stringify(token.slice(0, 8)))
  }
  const token = await tokenOf(kdc, 'anna')
  for (let at = 1; at < token.length; at += 7) {
    const changed = Buffer.from(token)
    changed.writeUInt8(changed.readUInt8(at) ^ 0x10, at)
    const told = await tell(changed)
    // What names the service in plain text beside the ticket is not secret, nor believed: the key that fits is.
    t.ok(told === 'anna@SLUICE.TEST' || !told.includes('@') && !told.startsWith('no TokenError') && told !== 'Success', `byte ${at}: ${told}`)
    t.equal(await tell(token.subarray(0, at)).then(said => said.includes('@')), false, `cut at ${at}`)
  }
})

test('as Windows offers it: Kerberos by its own name first, NTLM last, and no list at all', async (t, { kdc, tell }) => {
  const own = async (): Promise<Buffer> => {
    const token = await tokenOf(kdc, 'anna')
    // The ticket as RFC 4121 §4.1 frames it: the tag and its length in three bytes, the mechanism, and what kind of token it is.
    const at = token.indexOf(Buffer.concat([KRB5, Buffer.from([1, 0])])) - 4
    return token.subarray(at, at + 4 + token.readUInt16BE(at + 2))
  }
  t.equal(await tell(offer(await own(), MS_KRB5, KRB5, NEGOEX, NTLM)), 'anna@SLUICE.TEST')
  t.equal(await tell(offer(await own(), KRB5, NTLM)), 'anna@SLUICE.TEST')
  t.equal(await tell(await own()), 'anna@SLUICE.TEST')
})

test('who offers another mechanism first is not let into a negotiation', async (t, { tell }) => {
  const ntlm = Buffer.from('NTLMSSP\0')
  t.equal(await tell(offer(ntlm, NTLM, KRB5)), 'the client puts another mechanism before Kerberos')
  t.match(await tell(offer(ntlm, NTLM)), /mechanism/i)
  t.match(await tell(offer(ntlm, KRB5)), /^SPNEGO failed to negotiate a mechanism$|token/)
})

test('a user of a realm that ours trusts keeps the name of his realm', async (t, { kdc, acceptor }) => {
  const other = await startKdc(['anna'], { realm: 'OTHER.TEST', trusted: kdc })
  t.teardown(() => other.close())
  other.signIn('anna')
  t.match(await acceptor.accept(await tokenOf(other, 'anna')), { principal: 'anna@OTHER.TEST', service: 'HTTP/localhost@SLUICE.TEST' })
})

test('the realm is that of the key, whatever the client writes beside its ticket', async (t, { kdc, acceptor }) => {
  const token = await tokenOf(kdc, 'anna')
  token.write('OTHER.REALM', token.indexOf('SLUICE.TEST'), 'latin1')
  const { principal, service } = await acceptor.accept(token)
  t.strictSame([principal, service], ['anna@SLUICE.TEST', 'HTTP/localhost@SLUICE.TEST'])
})

test('clocks: a ticket that has ended, and a client whose clock is wrong', async (t, { kdc, tell }) => {
  t.match(await tell(await tokenOf(kdc, 'anna', { at: '+20m' })), /skew/i)
  await kdc.stop()
  await kdc.start('-3h')
  kdc.signIn('eve', '-3h')
  const ended = await tokenOf(kdc, 'eve', { at: '-3h' })
  await kdc.stop()
  await kdc.start()
  t.match(await tell(ended), /expired/i)
})

test('tickets of others: another service\'s, another realm\'s, one whose key is gone', async (t, { kdc, keytab, open, tell }) => {
  const both = kdc.keytab('host.keytab', 'host/localhost')
  await copyFile(keytab, join(kdc.dir, 'merged.keytab'))
  execFileSync('ktutil', { env: kdc.env(), input: `rkt ${both}\nwkt ${join(kdc.dir, 'merged.keytab')}\nq\n`, stdio: ['pipe', 'ignore', 'pipe'] })
  const merged = await open({ keytab: join(kdc.dir, 'merged.keytab') })
  t.equal(await tell(await tokenOf(kdc, 'anna'), merged), 'anna@SLUICE.TEST')
  const token = await tokenOf(kdc, 'anna', { service: 'host' })
  t.match(await tell(token), /key|isn't for us/i)
  t.match(await tell(token, merged), /key|isn't for us/i, 'though its key is there too')
  token.write('HTTP', token.indexOf('host'), 'latin1')
  t.match(await tell(token, merged), /key|integrity/i, 'nor by another name for it')
  merged.close()
  const forHost = await open({ keytab: both, principal: 'host/localhost@SLUICE.TEST' })
  t.equal(await tell(await tokenOf(kdc, 'anna', { service: 'host' }), forHost), 'anna@SLUICE.TEST')
  forHost.close()

  const elsewhere = await startKdc(['anna'])
  t.teardown(() => elsewhere.close())
  elsewhere.keytab('other.keytab', 'HTTP/localhost')
  elsewhere.signIn('anna')
  t.match(await tell(await tokenOf(elsewhere, 'anna')), /integrity|key/i, 'a realm of the same name with other keys')
})

test('a key that is rotated is in force at once; tickets of before need the key of before', async (t, { kdc, keytab, open, tell }) => {
  const own = join(kdc.dir, 'rotated.keytab')
  await copyFile(keytab, own)
  await chmod(own, 0o600)
  const rotating = await open({ keytab: own })
  t.teardown(() => { rotating.close() })
  kdc.signIn('bob')
  const before = await tokenOf(kdc, 'bob')
  kdc.keytab('http.keytab', 'HTTP/localhost')
  kdc.signIn('bob')
  const after = await tokenOf(kdc, 'bob')
  t.match(await tell(after, rotating), /key/i, 'the keytab does not know it yet')
  await copyFile(keytab, own)
  t.equal(await tell(after, rotating), 'bob@SLUICE.TEST')
  t.equal(await tell(before, rotating), 'bob@SLUICE.TEST', 'the keytab has both')
  await rm(own)
  t.match(await tell(await tokenOf(kdc, 'bob'), rotating), /not available|not found/i, 'fails closed')
})

test('where used tokens cannot be remembered, none is taken', async (t, { kdc, open, tell }) => {
  const forgetful = await open({ replayCache: join(kdc.dir, 'none', 'replays') })
  t.teardown(() => { forgetful.close() })
  t.match(await tell(await tokenOf(kdc, 'bob'), forgetful), /^no TokenError: Error: .*used tokens: No such file/, 'and it is not the client who is at fault')
})

test('a keytab that does not fit is told at the start', async (t, { kdc, keytab, open }) => {
  await writeFile(join(kdc.dir, 'no.keytab'), 'x')
  const told = (file: string, principal: string | null): Promise<unknown> => t.rejects(open({ keytab: file, principal }), { code: 'kerberos.keytab' })
  await told(join(kdc.dir, 'missing.keytab'), null)
  await told(join(kdc.dir, 'no.keytab'), null)
  await told(kdc.keytab('of-host.keytab', 'host/localhost'), null)
  await told(keytab, 'HTTP/other@SLUICE.TEST')
  const fits = await open({ principal: 'HTTP/localhost@SLUICE.TEST' })
  fits.close()
  await t.rejects(fits.accept(Buffer.from('x')), /closed/)
})

test('thousands of tokens leave nothing behind, and do not hold up what else is to be done', async (t, { kdc, tell }) => {
  kdc.signIn('bob')
  Object.assign(process.env, kdc.env('bob'))
  const next = initiator()
  /** Each goes through the whole check: a right one, the same again, a changed one, and none. */
  const run = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      const token = next()
      if (await tell(token) !== 'bob@SLUICE.TEST') throw new Error('a right ticket did not pass')
      const changed = Buffer.from(token)
      changed.writeUInt8(token.readUInt8(token.length - 9) ^ 1, token.length - 9)
      for (const wrong of [token, changed, Buffer.from('x')]) await tell(wrong)
    }
  }
  await run(1_000)
  const held = allocated()
  let turns = 0
  const timer = setInterval(() => { turns++ }, 1)
  let grown = Infinity
  // What leaks grows each time; what else the process takes of its memory, once.
  for (let attempt = 0; attempt < 3 && grown >= 1_024; attempt++) {
    const before = held()
    await run(3_000)
    grown = Math.round((held() - before) / 1_024)
  }
  clearInterval(timer)
  t.ok(grown < 1_024, `${grown} KiB more`)
  t.ok(turns > 100, `${turns} turns of the event loop meanwhile`)
  const descriptors = readdirSync('/proc/self/fd').length
  t.ok(descriptors < 100, `${descriptors} descriptors`)
})
