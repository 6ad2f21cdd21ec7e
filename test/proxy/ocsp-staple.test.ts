import fc from 'fast-check'
import t from 'tap'
import { saysRevoked } from '../../proxy/ocsp-staple.ts'
import { issue, openRegistry } from '../security/chains.ts'

const root = issue({ name: 'Root', ca: true })
const leaf = issue({ name: 'Leaf', by: root })
const serial = leaf.certificate.serialNumber
const registry = await openRegistry(root)
t.teardown(() => registry.close())
const revoked = await registry.ocsp(leaf, true)
const good = await registry.ocsp(leaf, false)

t.test('only of its own certificate, in any writing of the number', async t => {
  t.equal(saysRevoked(revoked, serial), true)
  t.equal(saysRevoked(revoked, `00${serial.toUpperCase()}`), true)
  t.equal(saysRevoked(revoked, `${serial}0`), false)
  t.equal(saysRevoked(good, serial), false)
})

t.test('a response that is cut or changed anywhere is read or not, and throws nothing', async t => {
  for (let length = 0; length < revoked.length; length++) if (saysRevoked(revoked.subarray(0, length), serial)) t.fail(`at ${length}`)
  fc.assert(fc.property(fc.nat(good.length - 1), fc.nat(255), (at, value) => {
    const changed = Buffer.from(good)
    changed[at] = value
    saysRevoked(changed, serial)
  }))
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => !saysRevoked(bytes, serial)))
})
