/** Whose a request is: by its token, or by an earlier one on its connection. The tokens are checked elsewhere, by a real KDC's tickets. */
import t from 'tap'
import { TokenError } from '../../../proxy/people/gssapi.ts'
import type { Accepted } from '../../../proxy/people/gssapi.ts'
import { isNtlm, offersNtlm, readNegotiate } from '../../../proxy/people/negotiate.ts'
import { Tickets } from '../../../proxy/people/tickets.ts'

const field = (text: string): string[] => ['Host', 'x', 'proxy-authorization', `Negotiate ${Buffer.from(text).toString('base64')}`]

/** Takes `ok NAME` for a ticket. */
async function accept(token: Buffer): Promise<Accepted> {
  const [, name] = /^ok (.*)$/.exec(token.toString()) ?? []
  if (token.toString() === 'broken') throw new Error('disk full')
  if (name === undefined) throw new TokenError('Ticket expired')
  return { principal: name, service: 'HTTP/proxy@HOME', answer: Buffer.from('back'), seconds: 600 }
}

function open(realms: readonly string[] | null = null) {
  let now = 0
  const tickets = new Tickets({ acceptor: { accept }, realms, now: () => now })
  const ask = async (rawHeaders: readonly string[], connection: object): Promise<string> => {
    try {
      return (await tickets.check(rawHeaders, '10.0.0.1', connection)).user
    } catch (error) {
      return error instanceof Error && 'code' in error && 'detail' in error ? `${String(error.code)}: ${String(error.detail)}` : String(error)
    }
  }
  return { tickets, ask, pass: (ms: number) => { now += ms } }
}

t.test('the field as RFC 4559 writes it', (t) => {
  t.strictSame(readNegotiate(field('abc')), Buffer.from('abc'))
  t.strictSame(readNegotiate(['Proxy-Authorization', 'negotiate  YWJj ']), Buffer.from('abc'))
  t.equal(readNegotiate(['Authorization', 'Negotiate YWJj']), 'none')
  for (const text of ['', 'Negotiate', 'Negotiate ', 'Basic YWJj', 'Negotiate a!', 'Negotiate Y', 'Negotiate YWJjZA', 'Negotiate YWJj, Basic YWJj', `Negotiate ${'A'.repeat(65_536)}`]) {
    t.equal(readNegotiate(['Proxy-Authorization', text]), 'wrong', text.slice(0, 40))
  }
  t.equal(readNegotiate([...field('abc'), ...field('abc')]), 'wrong', 'two of them')
  t.type(readNegotiate(['Proxy-Authorization', `Negotiate ${Buffer.alloc(48_000).toString('base64')}`]), Buffer, 'the largest that Windows makes')
  t.ok(isNtlm(Buffer.from('NTLMSSP\0\x01')))
  t.notOk(isNtlm(Buffer.from('NTLM')))
  t.ok(offersNtlm(Buffer.concat([Buffer.from('x'), Buffer.from('060a2b06010401823702020a', 'hex')])))
  t.end()
})

t.test('realms: that of the key, or those that are named', async (t) => {
  const own = open()
  t.equal(await own.ask(field('ok anna@HOME'), {}), 'anna')
  t.equal(await own.ask(field('ok anna@ELSEWHERE'), {}), 'anna@ELSEWHERE')
  const named = open(['ELSEWHERE'])
  t.equal(await named.ask(field('ok anna@HOME'), {}), 'anna@HOME')
  t.equal(await named.ask(field('ok anna@ELSEWHERE'), {}), 'anna')
  t.match(await own.ask(field('ok a\\@HOME@ELSEWHERE'), {}), 'client.unauthenticated: a principal that is no user')
})

t.test('a connection is its user\'s until the ticket ends, another token is shown, or a proxy is between', async (t) => {
  const { ask, pass } = open()
  const [one, two] = [{}, {}]
  t.match(await ask([], one), 'client.unauthenticated: no credential')
  t.equal(await ask(field('ok anna@HOME'), one), 'anna')
  t.equal(await ask([], one), 'anna')
  t.match(await ask([], two), 'no credential', 'and no other connection')
  t.match(await ask(['Via', '1.1 other'], one), 'no credential')
  pass(599_999)
  t.equal(await ask([], one), 'anna')
  pass(1)
  t.match(await ask([], one), 'has ended')
  t.equal(await ask(field('ok bob@HOME'), one), 'bob')
  t.equal(await ask(field('ok eve@HOME'), one), 'eve')
  t.equal(await ask([], one), 'eve')
  for (const wrong of [field('old'), ['Proxy-Authorization', 'Basic YTpi'], field('NTLMSSP\0')]) {
    await ask(field('ok eve@HOME'), one)
    t.match(await ask(wrong, one), 'client.unauthenticated')
    t.match(await ask([], one), 'no credential', 'who fails is nobody')
  }
  t.equal(await ask(['via', '1.1 other', ...field('ok anna@HOME')], two), 'anna')
  t.match(await ask([], two), 'no credential', 'what came by a proxy says nothing of what comes next')
})

t.test('what is answered: a proof, a reason, or that nobody can tell now', async (t) => {
  const { tickets, ask } = open()
  t.strictSame(await tickets.check(field('ok anna@HOME'), 'x', {}), { user: 'anna', answer: `Negotiate ${Buffer.from('back').toString('base64')}` })
  t.equal(await ask(field('old'), {}), 'client.unauthenticated: Ticket expired')
  t.equal(await ask(field('NTLMSSP\0\x01'), {}), 'client.unauthenticated: NTLM in place of a Kerberos ticket')
  t.equal(await ask(field('broken'), {}), 'client.unverified: disk full')
  const token = Buffer.concat([Buffer.from('x'), Buffer.from('060a2b06010401823702020a', 'hex')]).toString('base64')
  t.match(await ask(['Proxy-Authorization', `Negotiate ${token}`], {}), /Ticket expired \(the client offers NTLM too/)
  try {
    await tickets.check([], 'x', {})
    t.fail('nobody passes')
  } catch (error) {
    t.match(error, { code: 'client.unauthenticated', challenge: 'Negotiate' })
  }
})

t.test('one address cannot let all others wait', async (t) => {
  let free = (): void => undefined
  const held = new Promise<void>((resolve) => { free = resolve })
  const tickets = new Tickets({ acceptor: { async accept(token) { await held; return accept(token) } }, realms: null, now: () => 0 })
  const asked = Array.from({ length: 256 }, () => tickets.check(field('ok anna@HOME'), '10.0.0.1', {}))
  t.throws(() => tickets.check(field('ok anna@HOME'), '10.0.0.1', {}), { code: 'client.too-many-attempts' })
  const other = tickets.check(field('ok bob@HOME'), '10.0.0.2', {})
  free()
  t.match(await other, { user: 'bob' })
  t.equal((await Promise.all(asked)).length, 256)
})
