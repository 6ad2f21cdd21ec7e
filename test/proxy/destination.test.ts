import t from 'tap'
import { checkAddress, checkPort, Networks, resolveDestination } from '../../proxy/destination.ts'

const none = new Networks([])

t.test('addresses that are not the public internet are refused', async (t) => {
  const refused = [
    '127.0.0.1', '127.9.9.9', '0.0.0.0', '10.1.2.3', '100.64.0.1', '169.254.169.254', '172.16.0.1', '172.31.255.255', '192.168.1.1',
    '224.0.0.1', '240.0.0.1', '255.255.255.255', '198.18.0.1', '::', '::1', 'fc00::1', 'fd12::1', 'fe80::1', 'ff02::1',
    '::ffff:127.0.0.1', '::ffff:7f00:1', '64:ff9b::7f00:1', '64:ff9b:1::7f00:1', '2002:7f00:1::', '2001:0:1::', '2001:db8::1',
  ]
  for (const address of refused) t.throws(() => checkAddress(address, none), { code: 'destination.address' }, address)
  for (const address of ['8.8.8.8', '162.125.0.1', '2606:4700::1', '172.32.0.1', '100.128.0.1']) t.doesNotThrow(() => checkAddress(address, none), address)
  t.doesNotThrow(() => checkAddress('10.1.2.3', new Networks(['10.1.0.0/16'])))
  t.throws(() => checkAddress('10.2.2.3', new Networks(['10.1.0.0/16'])), { code: 'destination.address' })
})

t.test('ports', async (t) => {
  t.doesNotThrow(() => checkPort(443))
  for (const port of [22, 25, 6379, 9200, 8443]) t.throws(() => checkPort(port), { code: 'destination.port' }, String(port))
})

t.test('a name is resolved once, and the checked addresses are those to dial', async (t) => {
  let asked = 0
  const resolve = async () => {
    asked += 1
    return [{ address: '8.8.8.8', family: 4 }, { address: '2606:4700::1', family: 6 }]
  }
  t.strictSame(await resolveDestination('a.example', none, resolve), ['8.8.8.8', '2606:4700::1'])
  t.equal(asked, 1)
  await t.rejects(resolveDestination('a.example', none, async () => [{ address: '8.8.8.8', family: 4 }, { address: '127.0.0.1', family: 4 }]), { code: 'destination.address' })
  await t.rejects(resolveDestination('a.example', none, async () => []), { code: 'upstream.name' })
  await t.rejects(resolveDestination('a.example', none, async () => { throw new Error('no') }), { code: 'upstream.name' })
  await t.rejects(resolveDestination('127.0.0.1', none, resolve), { code: 'destination.address' })
})
