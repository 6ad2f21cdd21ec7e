import t from 'tap'
import { openStore } from '../../../policy/store/open.ts'
import { parseRedisUrl } from '../../../policy/store/redis-address.ts'

t.test('an unknown store names the known ones', async (t) => {
  const cases: [string, RegExp][] = [
    ['./data', /no scheme/],
    ['', /no scheme/],
    ['mysql://user:hunter2@host', /mysql: is not known/],
    ['redis+sentinel://user:hunter2@host', /not supported yet/],
    ['redis+cluster://host', /not supported yet/],
    ['embedded:', /names no directory/],
    ['redis://', /cannot be read/],
    ['redis://user:hunter2@host:port', /cannot be read/],
    ['redis://:hunter2@host/first', /database .* not a number/],
    ['redis://:hunter2@host?tls=1', /query/],
    ['redis://:hunter2%@host', /percent-encoded/],
  ]
  for (const [url, message] of cases) {
    const error: unknown = await openStore(url).then(() => null, (error: unknown) => error)
    t.match(error, { code: 'store.invalid-url', message, remedy: /embedded:|redis:/ }, url)
    t.notMatch(JSON.stringify(error, Object.getOwnPropertyNames(error)), 'hunter2', 'no secret in the error')
  }
})

t.test('a Redis URL is taken apart', async (t) => {
  t.strictSame(parseRedisUrl('redis://localhost'), { host: 'localhost', port: 6379, db: 0, tls: false, shown: 'redis://localhost:6379' })
  t.strictSame(parseRedisUrl('rediss://ann:p%40ss@redis.example:6380/3'), {
    host: 'redis.example', port: 6380, db: 3, tls: true, username: 'ann', password: 'p@ss', shown: 'rediss://redis.example:6380/3',
  })
  t.strictSame(parseRedisUrl('redis://:old@[::1]/', 'new'), {
    host: '::1', port: 6379, db: 0, tls: false, password: 'new', shown: 'redis://[::1]:6379',
  })
})
