import t from 'tap'
import { compile } from '../../../policy/evaluate.ts'
import { classify } from '../../../policy/client-class.ts'
import { parsePolicy } from '../../../policy/policy.ts'
import { catalogue } from '../../../policy/providers/index.ts'
import { Sessions } from '../../../policy/sessions.ts'
import type { SessionRecord } from '../../../policy/sessions.ts'
import { indexTenants } from '../../../policy/tenant/allowlist.ts'
import { Volumes } from '../../../policy/volumes.ts'
import { readHead } from '../../../proxy/head.ts'
import { judge } from '../../../proxy/stages/judge.ts'
import type { JudgeSettings, Judgement } from '../../../proxy/stages/judge.ts'
import { Meter } from '../../../proxy/stages/meter.ts'
import type { SessionCounts } from '../../../proxy/stages/meter.ts'

const settings: JudgeSettings = { onError: 'block', now: () => 0, session: () => undefined, failed: (error) => { throw error } }

const nobody = counting()

/** Counts of a session of which nothing was seen before; `reached` hears of all that it is told. */
function counting(reached: (key: string, bytes: number) => void = () => undefined): SessionCounts {
  return {
    open: (key) => ({
      bytes: 0, sent: 0, part: () => 0, setPart: () => undefined, forwarded: () => undefined, reached: (bytes) => reached(key, bytes),
    }),
  }
}

function record(facts: Partial<SessionRecord>): SessionRecord {
  return { bytes: 0, sent: 0, startedAt: 1, updatedAt: 1, ...facts }
}

function judged(rules: unknown[], headers: string[], target = '/2/files/upload', known: Partial<SessionRecord> = {}): Judgement {
  const policy = compile(parsePolicy({ default: 'allow', unknownTenant: 'allow', rules }), 7)
  const head = readHead(
    { method: 'POST', url: target, rawHeaders: ['Host', 'content.dropboxapi.com', ...headers], httpVersionMajor: 1, httpVersionMinor: 1 }, 'https', false,
  )
  const client = { ip: '10.0.0.1', userAgent: '', class: classify('') }
  return judge({ policy, tenants: indexTenants([]) }, catalogue.find(head.host)?.module ?? null, head, client, null, { ...settings, session: () => Object.keys(known).length === 0 ? undefined : record(known) })
}

const chunked = ['Transfer-Encoding', 'chunked', 'Dropbox-API-Arg', '{"path":"/a"}']
const blockBig = { id: 'big', when: { activity: 'upload', size: { atLeast: 1000 } }, action: 'block', message: 'Too big.' }
const blockSmall = { id: 'small', when: { activity: 'upload', size: { below: 1000 } }, action: 'block' }

t.test('a body of unknown length is cut before it passes the limit', async (t) => {
  const meter = new Meter(judged([blockBig], chunked), nobody, new Volumes())
  t.equal(meter.judgement.verdict.decision.action, 'allow')
  t.notOk(meter.judgement.verdict.settled)
  t.ok(meter.take(999))
  t.notOk(meter.take(1), 'the byte that reaches the limit is not forwarded')
  t.equal(meter.forwarded, 999)
  t.match(meter.judgement.verdict.decision, { action: 'block', ruleId: 'big', message: 'Too big.' })
  t.ok(meter.judgement.reasons.includes('size-reached'))
})

t.test('a rule for small bodies is settled by the end, and the request is not completed', async (t) => {
  const small = new Meter(judged([blockSmall], chunked), nobody, new Volumes())
  t.ok(small.take(500))
  t.notOk(small.end())
  const large = new Meter(judged([blockSmall], chunked), nobody, new Volumes())
  t.ok(large.take(2000))
  t.ok(large.end())
})

t.test('a known length needs no meter', async (t) => {
  const settled = judged([blockBig], ['Content-Length', '999', 'Dropbox-API-Arg', '{"path":"/a"}'])
  t.ok(settled.verdict.settled)
  t.equal(judged([blockBig], ['Content-Length', '1000', 'Dropbox-API-Arg', '{"path":"/a"}']).verdict.decision.action, 'block')
})

t.test('the parts of a session add up, whatever the request says of itself', async (t) => {
  const append = ['Transfer-Encoding', 'chunked', 'Dropbox-API-Arg', '{"cursor":{"session_id":"s1","offset":0}}']
  const notes: Array<[string, number]> = []
  const first = new Meter(judged([blockBig], append, '/2/files/upload_session/append_v2'), counting((key, bytes) => notes.push([key, bytes])), new Volumes())
  t.ok(first.take(600))
  t.notOk(first.take(600))
  t.strictSame(notes, [['dropbox:s1', 1200]], 'what was refused counts too')
  const retry = judged([blockBig], append, '/2/files/upload_session/append_v2', { bytes: 1200 })
  t.equal(retry.verdict.decision.action, 'block', 'a retry from offset 0 is refused by its head')
  t.ok(retry.reasons.includes('session-size'))
})

t.test('an offset counts from the start', async (t) => {
  const append = ['Transfer-Encoding', 'chunked', 'Dropbox-API-Arg', '{"cursor":{"session_id":"s1","offset":900}}']
  const meter = new Meter(judged([blockBig], append, '/2/files/upload_session/append_v2'), nobody, new Volumes())
  t.ok(meter.take(99))
  t.notOk(meter.take(1))
})

t.test('a body that nothing explains becomes an upload at the bound', async (t) => {
  const meter = new Meter(judged([{ id: 'no', when: { activity: 'upload' }, action: 'block' }], ['Transfer-Encoding', 'chunked'], '/2/unheard/of'), nobody, new Volumes())
  t.equal(meter.judgement.recognition?.operation.activity, 'other')
  t.ok(meter.take(16 * 1024))
  t.notOk(meter.take(1))
  t.equal(meter.judgement.recognition?.operation.activity, 'upload')
  t.ok(meter.judgement.reasons.includes('unexplained-body'))
})

t.test('an aborted transfer is remembered', async (t) => {
  const notes: number[] = []
  const append = ['Content-Length', '500', 'Dropbox-API-Arg', '{"cursor":{"session_id":"s1","offset":0}}']
  const meter = new Meter(judged([blockBig], append, '/2/files/upload_session/append_v2'), counting((_key, bytes) => notes.push(bytes)), new Volumes())
  t.ok(meter.take(300))
  meter.abort()
  t.strictSame(notes, [300])
})

t.test('a declared size holds a body of untold length to it', async (t) => {
  const append = ['Transfer-Encoding', 'chunked', 'Dropbox-API-Arg', '{"cursor":{"session_id":"s1","offset":0}}']
  const meter = new Meter(judged([blockBig], append, '/2/files/upload_session/append_v2', { size: 500 }), nobody, new Volumes())
  t.ok(meter.judgement.verdict.settled, 'as far as was declared, all is known')
  t.ok(meter.take(500))
  t.ok(meter.take(499), 'more than declared is counted')
  t.notOk(meter.take(1))
})

t.test('parts without an offset add up, also those that are sent at the same time', async (t) => {
  const policy = compile(parsePolicy({ default: 'allow', unknownTenant: 'allow', rules: [blockBig] }), 7)
  const sessions = new Sessions()
  const part = (number: number): Meter => {
    const head = readHead({
      method: 'PUT', url: `/bucket/a.bin?partNumber=${number}&uploadId=u1`, rawHeaders: ['Host', 's3.amazonaws.com', 'Transfer-Encoding', 'chunked'],
      httpVersionMajor: 1, httpVersionMinor: 1,
    }, 'https', false)
    const client = { ip: '10.0.0.1', userAgent: '', class: classify('') }
    const module = catalogue.find(head.host, head.path)?.module ?? null
    return new Meter(judge({ policy, tenants: indexTenants([]) }, module, head, client, null, { ...settings, session: (key) => sessions.get(key) }), sessions, new Volumes())
  }
  const [first, second] = [part(1), part(2)]
  t.ok(first.take(400))
  t.ok(second.take(400))
  t.ok(first.take(199))
  t.notOk(second.take(1), 'the byte that reaches the limit, over both parts')
  t.equal(first.forwarded + second.forwarded, 999)
  t.equal(part(3).judgement.verdict.decision.action, 'block', 'the next part is refused by its head')
})

t.test('a part that is sent again, or twice at the same time, is counted once', async (t) => {
  const policy = compile(parsePolicy({ default: 'allow', unknownTenant: 'allow', rules: [blockBig] }), 7)
  const sessions = new Sessions()
  const part = (number: number, framing: readonly string[] = ['Content-Length', '400']): Meter => {
    const head = readHead({
      method: 'PUT', url: `/bucket/a.bin?partNumber=${number}&uploadId=u2`, rawHeaders: ['Host', 's3.amazonaws.com', ...framing],
      httpVersionMajor: 1, httpVersionMinor: 1,
    }, 'https', false)
    const client = { ip: '10.0.0.1', userAgent: '', class: classify('') }
    const module = catalogue.find(head.host, head.path)?.module ?? null
    return new Meter(judge({ policy, tenants: indexTenants([]) }, module, head, client, null, { ...settings, session: (key) => sessions.get(key) }), sessions, new Volumes())
  }
  const broken = part(1)
  t.ok(broken.take(300))
  broken.abort()
  for (const framing of [['Content-Length', '400'], ['Transfer-Encoding', 'chunked'], ['Content-Length', '400']]) {
    const again = part(1, framing)
    t.equal(again.judgement.verdict.decision.action, 'allow', framing.join())
    t.ok(again.take(250) && again.take(150) && again.end())
    t.equal(sessions.seen('s3:u2'), 400)
  }
  const [one, two] = [part(2), part(2)]
  t.ok(one.take(300) && two.take(200) && two.take(200) && one.take(100))
  t.equal(sessions.seen('s3:u2'), 800)
  const refused = part(3)
  t.equal(refused.judgement.verdict.decision.action, 'block')
  t.equal(sessions.seen('s3:u2'), 1200)
  t.equal(part(3).judgement.recognition?.operation.size.bytes, 1200, 'also one that was refused')
  t.equal(part(1).judgement.verdict.decision.action, 'block', 'and nothing else of the upload passes')
})

t.test('a long part is told of on the way', async (t) => {
  const notes: number[] = []
  const append = ['Transfer-Encoding', 'chunked', 'Dropbox-API-Arg', '{"cursor":{"session_id":"s1","offset":10}}']
  const meter = new Meter(judged([], append, '/2/files/upload_session/append_v2'), counting((_key, bytes) => notes.push(bytes)), new Volumes())
  for (let i = 0; i < 40; i++) meter.take(65_536)
  t.strictSame(notes, [(1 << 20) + 10, (2 << 20) + 10])
})

const LARGE = { id: 'large', when: { activity: 'upload', size: { atLeast: 3_000_000 } }, action: 'block' }
const SLACK = 1 << 20
const PIECE = 50_000

/** A part at the beginning of a session, and again. */
function repeated(sessions: Sessions, framing: readonly string[]): Meter {
  const headers = [...framing, 'Dropbox-API-Arg', '{"cursor":{"session_id":"s1","offset":0},"close":true}']
  return new Meter(judged([LARGE], headers, '/2/files/upload_session/append_v2', sessions.get('dropbox:s1')), sessions, new Volumes())
}

t.test('what is sent again counts beyond the slack, at one offset and within one declared size', async (t) => {
  for (const framing of [['Transfer-Encoding', 'chunked'], ['Content-Length', '900000']]) {
    const sessions = new Sessions()
    let forwarded = 0
    let meter = repeated(sessions, framing)
    for (let i = 0; i < 20 && meter.judgement.verdict.decision.action !== 'block'; i++) {
      let left = 900_000
      for (; left > 0 && meter.take(PIECE); left -= PIECE) forwarded += PIECE
      if (left > 0) break
      t.ok(meter.end())
      meter = repeated(sessions, framing)
    }
    t.equal(meter.judgement.verdict.decision.action, 'block')
    t.ok(meter.judgement.reasons.includes('session-resent'), framing.join())
    t.ok(forwarded > 2_700_000 && forwarded < 3_000_000 + SLACK, `${forwarded} bytes`)
    t.equal(sessions.get('dropbox:s1')?.sent, forwarded)
    t.ok(sessions.seen('dropbox:s1') >= 3_000_000, 'and the session is not finished')
  }
})

t.test('repetitions at the same time share one slack', async (t) => {
  const sessions = new Sessions()
  const meters = new Set(Array.from({ length: 20 }, () => repeated(sessions, ['Content-Length', '900000'])))
  let forwarded = 0
  for (let sent = 0; sent < 900_000; sent += PIECE) {
    for (const meter of meters) {
      if (meter.take(PIECE)) forwarded += PIECE
      else meters.delete(meter)
    }
  }
  t.ok(forwarded > 2_700_000 && forwarded < 3_000_000 + SLACK, `${forwarded} bytes`)
})

t.test('a part that is repeated does not refuse a file that is far below the limit', async (t) => {
  const sessions = new Sessions()
  const rule = { id: 'huge', when: { activity: 'upload', size: { atLeast: 100_000_000 } }, action: 'block' }
  const part = 8 << 20
  const send = (offset: number): boolean => {
    const headers = ['Content-Length', String(part), 'Dropbox-API-Arg', JSON.stringify({ cursor: { session_id: 's1', offset } })]
    const meter = new Meter(judged([rule], headers, '/2/files/upload_session/append_v2', sessions.get('dropbox:s1')), sessions, new Volumes())
    return meter.judgement.verdict.decision.action === 'allow' && meter.take(part) && meter.end()
  }
  for (let i = 0; i < 8; i++) t.ok(send(0), 'the first part, again and again')
  t.ok(send(part))
  t.equal(sessions.seen('dropbox:s1'), 2 * part)
})

const HOUR_LIMIT = { id: 'much', when: { activity: 'upload', volume: { over: '1h', atLeast: 10_000 } }, action: 'block' }
const OF = (bytes: number) => ['Content-Length', String(bytes), 'Dropbox-API-Arg', '{"path":"/a"}']

t.test('many small files add up, to the byte, and across ways of sending', async (t) => {
  const volumes = new Volumes(() => 0)
  const send = (bytes: number, headers = OF(bytes)): boolean => {
    const meter = new Meter(judged([HOUR_LIMIT], headers), nobody, volumes)
    if (meter.judgement.verdict.decision.action === 'block') return false
    const passes = meter.take(bytes) && meter.end()
    meter.release()
    return passes
  }
  for (let i = 0; i < 9; i++) t.ok(send(1000), `file ${i}`)
  t.notOk(send(1000), 'the file that reaches the limit is refused by its head')
  t.ok(send(999), 'one byte less is not')
  t.notOk(send(1), 'then not one byte more')
  t.notOk(send(1, chunked), 'nor of a body without a length')
  t.ok(send(0), 'what brings no body is no volume')
})

t.test('a body without a length is cut at what is left, also where another takes it meanwhile', async (t) => {
  const volumes = new Volumes(() => 0)
  const first = new Meter(judged([HOUR_LIMIT], chunked), nobody, volumes)
  t.ok(first.take(4000))
  const second = new Meter(judged([HOUR_LIMIT], OF(5000)), nobody, volumes)
  t.equal(second.judgement.verdict.decision.action, 'allow', 'what is on its way counts: 9,000')
  const third = new Meter(judged([HOUR_LIMIT], OF(1000)), nobody, volumes)
  t.equal(third.judgement.verdict.decision.action, 'block', 'a declared length counts before it has come')
  t.match(third.judgement.verdict.decision, { ruleId: 'much' })
  t.ok(second.take(5000) && second.end())
  t.notOk(first.take(6000), 'asked again where its own bytes alone would reach the limit')
  t.equal(first.forwarded, 4000)
  first.abort()

  const last = new Meter(judged([HOUR_LIMIT], chunked), nobody, volumes)
  t.ok(last.take(999))
  t.notOk(last.take(1))
})

t.test('of a large limit, several bodies without a length pass no more together than one would alone', async (t) => {
  const rule = { id: 'much', when: { volume: { over: '1h', atLeast: '20MiB' } }, action: 'block' }
  const volumes = new Volumes(() => 0)
  const meters = Array.from({ length: 8 }, () => new Meter(judged([rule], chunked), nobody, volumes))
  const piece = 65_536
  for (let i = 0; i < 2000; i++) {
    const meter = meters[i % meters.length]
    if (meter?.judgement.verdict.decision.action === 'allow') meter.take(piece)
  }
  const sent = meters.reduce((sum, { forwarded }) => sum + forwarded, 0)
  t.ok(meters.every(({ judgement }) => judgement.verdict.decision.action === 'block'))
  t.ok(sent >= 20 * 1_048_576 - piece && sent < 20 * 1_048_576, `${sent} bytes`)
})

t.test('a transfer that breaks off counts with what was forwarded, and what it claimed is free again', async (t) => {
  const volumes = new Volumes(() => 0)
  const broken = new Meter(judged([HOUR_LIMIT], OF(9000)), nobody, volumes)
  t.ok(broken.take(1000))
  broken.abort()
  broken.release()
  const next = new Meter(judged([HOUR_LIMIT], OF(8999)), nobody, volumes)
  t.equal(next.judgement.verdict.decision.action, 'allow')
  next.release()
  t.equal(new Meter(judged([HOUR_LIMIT], OF(9000)), nobody, volumes).judgement.verdict.decision.action, 'block')
})
