import { X509Certificate } from 'node:crypto'
import type { DetailedPeerCertificate } from 'node:tls'
import t from 'tap'
import { holdsPin } from '../../proxy/pins.ts'
import { issue } from '../security/chains.ts'

/** As Node tells a chain, in what is read of it. */
function chain(raw: Buffer, issuerCertificate?: DetailedPeerCertificate): DetailedPeerCertificate {
  return { raw, issuerCertificate } as DetailedPeerCertificate
}

const root = issue({ name: 'Root', ca: true })
const leaf = issue({ name: 'Leaf', by: root })
const PIN = ['sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=']

t.test('a key that is of no known kind ends the search, not the process', async t => {
  const strange = Buffer.from(new X509Certificate(root.cert).raw)
  const at = strange.indexOf(Buffer.from('2a864886f70d010101', 'hex'))
  strange[at + 8] = 0x7f
  t.throws(() => new X509Certificate(strange).publicKey, 'it is one')
  t.equal(holdsPin(chain(new X509Certificate(leaf.cert).raw, chain(strange)), PIN), false)
  t.equal(holdsPin(chain(Buffer.from('none')), PIN), false)
})

t.test('a chain that leads nowhere or in a circle ends', async t => {
  const above = chain(new X509Certificate(root.cert).raw)
  above.issuerCertificate = chain(new X509Certificate(root.cert).raw, above)
  t.equal(holdsPin(chain(new X509Certificate(leaf.cert).raw, above), PIN), false)
  t.equal(holdsPin(chain(new X509Certificate(leaf.cert).raw), PIN), false)
})
