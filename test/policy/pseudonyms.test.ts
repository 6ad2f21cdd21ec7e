import { createSecretKey, randomBytes } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { Pseudonyms } from '../../policy/pseudonyms.ts'
import { loadConfig } from '../../proxy/config.ts'
import { openPseudonyms } from '../../proxy/open-pseudonyms.ts'

t.test('the same person is the same one with the same key, and with no other', async t => {
  const bytes = randomBytes(32)
  const [one, same, other] = [bytes, bytes, randomBytes(32)].map(key => new Pseudonyms(createSecretKey(key)))
  t.match(one?.user('Ada'), /^u-[0-9a-f]{24}$/)
  t.equal(one?.user('Ada'), same?.user('aDA'), 'case does not count, as in rules')
  t.not(one?.user('Ada'), other?.user('Ada'))
  t.not(one?.user('Ada'), one?.user('Adam'))
  t.match(one?.ip('192.0.2.1'), /^ip-[0-9a-f]{24}$/)
  t.not(one?.ip('192.0.2.1').slice(3), one?.user('192.0.2.1').slice(2), 'an address is nobody\'s name')
})

t.test('the key is a file for its owner only, and all nodes that have it agree', async t => {
  const dir = t.testdir()
  const load = (keyFile?: string) => loadConfig({
    env: { SLUICE_CERTS_DIR: join(dir, 'ca'), ...keyFile === undefined ? {} : { SLUICE_EVENTS_KEY_FILE: keyFile } },
  })
  const made = await openPseudonyms(load(), () => {})
  t.equal((await stat(join(dir, 'pseudonym.key'))).mode & 0o777, 0o600)
  t.equal((await openPseudonyms(load(join(dir, 'pseudonym.key')), () => {})).user('ada'), made.user('ada'))
  await t.rejects(openPseudonyms(load(join(dir, 'missing')), () => {}), { code: 'pseudonym-key.unreadable', message: /missing/, remedy: /events\.keyFile/ })
  const weak = t.testdir({ key: 'short' })
  await t.rejects(openPseudonyms(load(join(weak, 'key')), () => {}), { code: 'pseudonym-key.weak' })
})
