import { join } from 'node:path'
import t from 'tap'
import { openStore } from '../../../policy/store/open.ts'
import { ask } from '../../../policy/store/change-exceptions.ts'
import { main } from '../../../proxy/cli.ts'
import { BY } from '../../policy/store/contract.ts'

const url = `embedded:${join(t.testdir(), 'data')}`

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', '']
  const code = await main(args, { env: { SLUICE_STORE_URL: url, USER: 'ada' }, out: text => { out += text }, err: text => { err += text } })
  return { code, out, err }
}

/** Somebody asks, as on the page. */
async function asked(rule: string): Promise<string> {
  const store = await openStore(url)
  try {
    const wish = { rule, provider: null, user: 'bob', reason: 'The fair.', event: 'e' }
    return (await ask({ store, read: async () => (await store.load()).controls }, wish, BY)).id
  } finally {
    await store.close()
  }
}

t.test('exceptions are listed, granted, declined and revoked', async t => {
  const [one, two] = [await asked('r1'), await asked('r2')]
  t.match([one, two].join(), /^[0-9a-f]{16},[0-9a-f]{16}$/, 'an id is never taken for an option')
  t.match(await run('exception', 'list'), { code: 0, out: `${one}\tasked\tr1\tany\tbob\t\tThe fair.\n${two}\tasked\tr2\tany\tbob\t\tThe fair.\n` })
  t.match(await run('exception', 'grant', one, '--for', '2h'), { code: 0, out: /^\S+\tgranted\tr1\tany\tbob\t2\S+Z\tThe fair\.\n$/ })
  t.match(await run('exception', 'decline', two, '--comment', 'No.'), { code: 0, out: /\tdeclined\t/ })
  t.match(await run('exception', 'revoke', one), { code: 0, out: /\trevoked\t/ })
  t.match(await run('exception', 'list', '--state', 'asked'), { code: 0, out: '' })
  t.match(await run('exception', 'list', '--state', 'declined'), { out: new RegExp(`^${two}\t`) })
})

t.test('what is wrong is said in a line, and nothing changes', async t => {
  const id = await asked('r3')
  t.match(await run('exception', 'grant', id), { code: 2, err: /--for/ })
  t.match(await run('exception', 'grant', id, '--for', 'ever'), { code: 2, err: /--for "ever" must be a duration.*\[usage\]/ })
  t.match(await run('exception', 'grant', id, '--for', '31d'), { code: 1, err: /at most 30 days.*\[exception\.invalid\]/ })
  t.match(await run('exception', 'grant', id, '--for', '1h', '--comment', 'a\tb'), { code: 2, err: /one line/ })
  t.match(await run('exception', 'grant', 'none', '--for', '1h'), { code: 1, err: /no exception "none".*\[exception\.not-found\]/ })
  t.match(await run('exception', 'revoke', id), { code: 1, err: /is asked, not granted. Nobody has decided it yet: grant or decline it. \[exception\.conflict\]/ })
  t.match(await run('exception', 'list', '--state', 'open'), { code: 2 })
  t.match(await run('exception', 'list', '--state', 'asked'), { out: new RegExp(`^${id}\tasked`) })
})
