import { once } from 'node:events'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import tls from 'node:tls'
import t from 'tap'
import { TICKET_LIFETIME_MS, TicketKeys } from '../../certs/ticket-keys.ts'
import { followTickets, withTickets } from '../../proxy/client-tls.ts'
import { makeAuthority } from '../e2e/tls-server.ts'

const authority = await makeAuthority()
t.teardown(() => authority.close())

t.test('at the end of a period the servers of the proxy port get other ticket keys, and go on', async t => {
  const leaf = authority.leaf({ names: ['localhost'] })
  // The period is about to end; the next one is as far as it ever is.
  let at = 2_000 * TICKET_LIFETIME_MS - 1
  const tickets = new TicketKeys({ now: () => at })
  const server = https.createServer(withTickets({ ...leaf }, tickets), (_request, response) => response.end('ok'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const visit = async (session?: Buffer): Promise<{ isResumed: boolean; session: Buffer | undefined }> => {
    const { port } = server.address() as AddressInfo
    const socket = tls.connect({ host: '127.0.0.1', port, servername: 'localhost', ca: authority.pem, ...session === undefined ? {} : { session } })
    let given: Buffer | undefined
    socket.on('session', (one: Buffer) => { given = one })
    await once(socket, 'secureConnect')
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await once(socket, 'data')
    const isResumed = socket.isSessionReused()
    socket.destroy()
    return { isResumed, session: given }
  }
  const before = await visit()
  t.equal((await visit(before.session)).isResumed, true)
  const changed = new Promise<void>((resolve) => {
    const unfollow = followTickets(tickets, () => {
      server.setTicketKeys(withTickets({ ...leaf }, tickets).ticketKeys)
      unfollow()
      resolve()
    })
  })
  at++
  await changed
  const later = await visit(before.session)
  t.equal(later.isResumed, false)
  t.equal((await visit(later.session)).isResumed, true)
})
