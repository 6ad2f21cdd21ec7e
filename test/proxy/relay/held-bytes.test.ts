import fc from 'fast-check'
import t from 'tap'
import { HeldBytes } from '../../../proxy/relay/held-bytes.ts'

type Step = { readonly do: 'push' | 'back'; readonly size: number } | { readonly do: 'shift' | 'all' }

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constantFrom('push' as const, 'back' as const), size: fc.oneof(fc.nat(40), fc.nat(1_100), fc.nat(5_000)) }),
  fc.record({ do: fc.constantFrom('shift' as const, 'shift' as const, 'all' as const) }),
)

t.test('what comes out is what went in, in order, whatever the pieces', async () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const held = new HeldBytes()
    let model = Buffer.alloc(0)
    let next = 0
    for (const one of steps) {
      if ('size' in one) {
        const piece = Buffer.from(Array.from({ length: one.size }, () => next++ & 255))
        model = one.do === 'push' ? Buffer.concat([model, piece]) : Buffer.concat([piece, model])
        if (one.do === 'push') held.push(piece)
        else held.putBack(piece)
      } else {
        const out = one.do === 'all' ? held.takeAll() : held.shift() ?? Buffer.alloc(0)
        // What was handed out does not change with what comes later.
        held.push(Buffer.from('z'))
        model = Buffer.concat([model, Buffer.from('z')])
        if (!out.equals(model.subarray(0, out.length)) || (out.length === 0 && model.length > 1)) return false
        model = model.subarray(out.length)
      }
      if (held.length !== model.length) return false
    }
    return held.takeAll().equals(model)
  }), { numRuns: 1_000 })
})

t.test('small pieces are few objects', async (t) => {
  const held = new HeldBytes()
  for (let i = 0; i < 64 * 1024; i++) held.push(Buffer.from([i & 255]))
  let pieces = 0
  let at = 0
  for (let piece = held.shift(); piece !== null; piece = held.shift()) {
    pieces++
    for (const byte of piece) if (byte !== (at++ & 255)) t.fail(`at ${at}`)
  }
  t.equal(at, 64 * 1024)
  t.ok(pieces <= 32, `${pieces}`)
})
