import t from 'tap'
import { startAdmin } from './harness.ts'

t.test('usage is answered by heading and hours', async (t) => {
  const asked: unknown[] = []
  const admin = await startAdmin(t, {
    usage: (by, hours) => {
      asked.push([by, hours])
      return [{ key: 'dropbox', bytes: 5, count: 1 }]
    },
  })
  const answer = await admin.send('viewer', { method: 'GET', url: '/v1/usage?by=provider&over=2h' })
  t.equal(answer.statusCode, 200)
  t.strictSame(answer.json(), { by: 'provider', over: '2h', rows: [{ key: 'dropbox', bytes: 5, count: 1 }] })
  await admin.send('viewer', { method: 'GET', url: '/v1/usage?by=tenant' })
  t.strictSame(asked, [['provider', 2], ['tenant', 24]])
})

t.test('what is not a heading or a number of hours is refused', async (t) => {
  const admin = await startAdmin(t)
  for (const query of ['', '?by=nobody', '?by=user&over=26h', '?by=user&over=1d', '?by=user&more=1']) {
    const answer = await admin.send('viewer', { method: 'GET', url: `/v1/usage${query}` })
    t.equal(answer.statusCode, 400, query)
    t.match(answer.headers['content-type'], /problem\+json/)
  }
  t.equal((await admin.send(null, { method: 'GET', url: '/v1/usage?by=user' })).statusCode, 401)
})
