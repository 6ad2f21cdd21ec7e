/** Which names are known to be served where cloud storage is, and for how long. */
import t from 'tap'
import { makeCatalogue } from '../../policy/providers/catalogue.ts'
import { builtin } from '../../policy/providers/index.ts'
import { Fronts } from '../../proxy/fronts.ts'

const HOUR = 3_600_000
const catalogue = makeCatalogue(builtin)
let now = 1
const told = (fronts: Fronts, host: string, addresses: readonly string[] = []): string | null => {
  const reach = fronts.find(host, addresses)
  return reach === null ? null : `${reach.is} ${reach.module.id}`
}

t.test('names of the catalogue, at label boundaries, and never its own hosts', async t => {
  const fronts = new Fronts(catalogue)
  for (const host of ['www.google.com', 'google.com', 'mail.google.com', 'maps.googleapis.com', 'a.b.appspot.com']) t.equal(told(fronts, host), 'front google-drive', host)
  for (const host of ['drive.google.com', 'www.googleapis.com', 'accounts.google.com']) t.equal(told(fronts, host), 'own google-drive', host)
  t.equal(told(fronts, 'storage.googleapis.com'), 'own gcs')
  t.equal(told(fronts, 'client.dropbox.com'), 'own dropbox')
  for (const host of ['evilgoogle.com', 'google.com.evil.example', 'example.com', '', '.', '__proto__']) t.equal(told(fronts, host), null, host)
})

t.test('a name at the address of a storage host is one for 24 hours from when that was found last', async t => {
  const fronts = new Fronts(catalogue, { now: () => now })
  t.equal(told(fronts, 'shop.example', ['192.0.2.1']), null)
  fronts.note('shop.example', ['192.0.2.1'])
  t.equal(told(fronts, 'other.example', ['192.0.2.1']), null, 'what is no storage says nothing of its neighbours')
  fronts.note('content.dropboxapi.com', ['192.0.2.1', '2001:db8::1'])
  t.equal(told(fronts, 'shop.example', ['198.51.100.7', '192.0.2.1']), 'front dropbox', 'one address of several is enough')
  t.equal(told(fronts, '192.0.2.1', ['192.0.2.1']), 'front dropbox', 'the address itself, too')
  now += 23 * HOUR
  t.equal(told(fronts, 'shop.example', ['192.0.2.1']), 'front dropbox')
  fronts.note('content.dropboxapi.com', ['192.0.2.1'])
  now += 2 * HOUR
  t.equal(told(fronts, 'shop.example', ['192.0.2.1']), 'front dropbox', 'found again')
  t.equal(told(fronts, 'shop.example', ['2001:db8::1']), null, 'not found again')
})

t.test('a flood of addresses does not fill the memory', async t => {
  const fronts = new Fronts(catalogue)
  fronts.note('content.dropboxapi.com', Array.from({ length: 20_000 }, (_, i) => `10.0.${i >> 8}.${i & 255}`))
  t.equal(told(fronts, 'shop.example', ['10.0.0.0']), null)
  t.equal(told(fronts, 'shop.example', ['10.0.78.31']), 'front dropbox')
})
