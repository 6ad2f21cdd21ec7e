/** The judge of a soak finds what it is there for. */
import t from 'tap'
import type { StoredFile } from '../../origin/stand-in.ts'
import { judge } from './judge.ts'
import type { Books, Event } from './judge.ts'
import type { Asked, Entry } from './ledger.ts'
import type { Arrived } from './origin-process.ts'
import { LIMIT } from './policy.ts'

const asked: Asked = { is: 'asked', id: 'a', act: 'small', protocol: 'http/1.1', expected: 'passed', up: 5, down: 2, status: 200, whole: true }
const file: Entry = { is: 'file', id: 'a', act: 'small', name: 'a.bin', must: 'be', size: 5, sha256: 'x' }
const arrived: Arrived = { id: 'a', method: 'POST', host: 'h', path: '/', bytes: 5, complete: true, status: 200 }
const stored: StoredFile = { provider: 'dropbox', path: '/a.bin', name: 'a.bin', size: 5, sha256: 'x' }

/** As far as it is read. */
function event(over: { id?: string; up?: number; down?: number; sluice?: Partial<Event['sluice']>; protocol?: string } = {}): Event {
  const { id = 'a', up = 5, down = 2, sluice = {}, protocol = 'http/1.1' } = over
  const told: unknown = {
    user_agent: { original: id }, source: { bytes: up }, destination: { bytes: down }, network: { protocol },
    sluice: { action: 'allow', reasons: [], revision: 1, cut: false, ...sluice },
  }
  return told as Event
}

function found(over: Partial<Books>): string[] {
  return [...judge({ entries: [asked, file], arrived: [arrived], stored: [stored], events: [event()], blocksFlipped: () => false, ...over }).keys()]
}

t.test('books that agree', async t => {
  t.strictSame(found({}), [])
})

t.test('what is lost, changed, or there without anybody having sent it', async t => {
  t.strictSame(found({ stored: [] }), ['an upload that succeeded is not stored'])
  t.strictSame(found({ stored: [{ ...stored, sha256: 'y' }] }), ['a file was changed on its way'])
  t.strictSame(found({ stored: [stored, { ...stored, name: 'b.bin' }] }), ['a file is stored that nobody sent'])
  t.strictSame(found({ entries: [{ ...asked, whole: false, expected: 'broken' }, { ...file, must: 'not' }] }), ['an upload that had to be refused is stored'])
})

t.test('each request has one event', async t => {
  t.strictSame(found({ events: [event(), event()] }), ['a request has several events'])
  t.strictSame(found({ events: [] }), ['a request has no event', 'a request did not succeed'])
  t.strictSame(found({ events: [event(), event({ id: 'b' })] }), ['an event is of a request that nobody sent'])
  t.strictSame(found({ arrived: [arrived, { ...arrived, id: 'b' }] }), ['a request arrived that nobody sent'])
})

t.test('bytes come from somewhere and go somewhere', async t => {
  t.strictSame(found({ events: [event({ up: 6 })] }), ['bytes came from nowhere', 'bytes are missing'])
  t.strictSame(found({ events: [event({ up: 4 })] }), ['bytes came from nowhere', 'bytes are missing'])
  t.strictSame(found({ events: [event({ down: 1 })] }), ['bytes came from nowhere', 'bytes are missing'])
  t.strictSame(found({ events: [event({ down: 3 })] }), ['bytes are missing'])
  t.strictSame(found({ arrived: [{ ...arrived, bytes: 4 }] }), ['bytes are missing'])
})

t.test('decisions', async t => {
  const blocked = event({ up: 0, sluice: { action: 'block' } })
  const refused: Entry[] = [{ ...asked, expected: 'blocked', status: 403 }, { ...file, must: 'not' }]
  t.strictSame(found({ entries: refused, arrived: [], stored: [], events: [blocked] }), [])
  t.strictSame(found({ entries: refused, events: [event()] }), ['an upload that had to be refused is stored', 'a wrong decision'])
  t.strictSame(found({ entries: refused, stored: [], events: [blocked], arrived: [{ ...arrived, bytes: 0 }] }), ['a wrong decision'], 'not even its head may leave')
  t.strictSame(found({ events: [blocked], arrived: [], stored: [] }), ['an upload that succeeded is not stored', 'a wrong decision'])
  const cut: Entry[] = [{ ...asked, expected: 'cut', status: 403, up: 9e9 }]
  const after = (bytes: number): Partial<Books> =>
    ({ entries: cut, stored: [], arrived: [{ ...arrived, bytes }], events: [event({ up: bytes, sluice: { action: 'block', cut: true } })] })
  t.strictSame(found(after(LIMIT + (1 << 20))), [])
  t.strictSame(found(after(LIMIT + (1 << 20) + 1)), ['a wrong decision'])
  t.strictSame(found({ entries: [{ ...asked, expected: 'either' }], stored: [], blocksFlipped: () => true }), ['a wrong decision'])
})

t.test('refused tunnels are counted', async t => {
  const away: Entry = { is: 'turned-away', act: 'no-password', reason: 'unauthenticated', seen: true }
  const told = event({ id: '', protocol: 'tunnel', sluice: { action: 'block', reasons: ['unauthenticated'] } })
  const with_ = (entries: Entry[], events: Event[]): string[] => found({ entries: [asked, file, ...entries], events: [event(), ...events] })
  t.strictSame(with_([away], [told]), [])
  t.strictSame(with_([away], []), ['refused tunnels and their events differ'])
  t.strictSame(with_([away], [told, told]), ['refused tunnels and their events differ'])
  t.strictSame(with_([{ ...away, seen: false }], []), [])
})
