/** Metadata as a channel: what a call brings beyond the few words that it needs. */
import t from 'tap'
import { UNEXPLAINED_LIMIT } from '../../../policy/providers/index.ts'
import { operation, recognise, verdict } from './cases.ts'

const json = (value: unknown): string => JSON.stringify(value)
const LONG = 'x'.repeat(UNEXPLAINED_LIMIT + 1)

t.test('a long body that only a known list makes long is what its row says', async t => {
  const moves = Array.from({ length: 500 }, (_, i) => ({ from_path: `/from/${i}.txt`, to_path: `/to/some/where/${i}.txt` }))
  t.ok(json({ entries: moves }).length > UNEXPLAINED_LIMIT)
  t.equal(verdict({ request: 'POST api.dropboxapi.com/2/files/move_batch_v2', body: json({ entries: moves, autorename: false }) }), 'change single')
  t.equal(verdict({ request: 'POST api.dropboxapi.com/2/files/delete_batch', body: json({ entries: moves.map(({ to_path: path }) => ({ path })) }) }), 'delete single'
  )
  const people = Array.from({ length: 500 }, (_, i) => ({ email: `person.number.${i}@contoso.example` }))
  t.equal(verdict({ request: 'POST graph.microsoft.com/v1.0/me/drive/items/1/invite', body: json({ recipients: people }) }), 'share single')
})

t.test('a long body of anything else is an upload', async t => {
  for (const [request, value] of [
    ['POST api.dropboxapi.com/2/files/move_v2', { from_path: '/a', to_path: `/${LONG}` }],
    ['POST api.dropboxapi.com/2/files/move_batch_v2', { entries: [{ from_path: LONG }] }],
    ['POST api.dropboxapi.com/2/files/move_batch_v2', { entries: [], pad: LONG }],
    ['POST api.dropboxapi.com/2/sharing/create_shared_link_with_settings', { path: '/a', settings: { text: LONG } }],
    ['PATCH www.googleapis.com/drive/v3/files/1', { description: LONG }],
    ['POST www.googleapis.com/drive/v3/files', { name: 'a', contentHints: { indexableText: LONG } }],
    ['POST www.googleapis.com/drive/v3/files/1/permissions', { emailAddress: 'a@b.example', message: LONG }],
    ['POST graph.microsoft.com/v1.0/me/drive/root/children', { name: LONG, folder: {} }],
    ['PATCH graph.microsoft.com/v1.0/me/drive/items/1', { description: LONG }],
    ['POST graph.microsoft.com/v1.0/me/drive/items/1/invite', { recipients: [], message: LONG }],
    ['MKCOL contoso.sharepoint.com/sites/eng/d', { pad: LONG }],
  ] as const) {
    t.match(verdict({ request, body: json(value) }), /^upload [a-z-]+ unexplained-body$/, request)
    t.notMatch(verdict({ request, body: json(value).replaceAll(LONG, 'x') }), /upload/, `${request}, short`)
  }
  const entries = { entries: [{ from_path: '/a' }] }
  const request = 'POST api.dropboxapi.com/2/files/move_batch_v2'
  t.equal(verdict({ request, body: json(entries) + ' '.repeat(UNEXPLAINED_LIMIT) }), 'upload single unexplained-body', 'white space')
  t.equal(verdict({ request, body: `{"entries":[],${' '.repeat(UNEXPLAINED_LIMIT)}"entries":[]}` }), 'upload single unexplained-body', 'two lists')
  t.equal(verdict({ request, body: json({ entries: Array(9000).fill('/a/b/c') }) }), 'upload single unexplained-body', 'too long to look into')
  t.equal(verdict({ request: 'POST api.dropboxapi.com/2/unheard', body: json({ entries: Array(3000).fill('/a/b') }) }), 'upload single unexplained-body', 'no row')
})

t.test('a long body of untold length is counted, or looked into', async t => {
  const request = 'POST api.dropboxapi.com/2/files/move_batch_v2'
  const first = recognise({ request, length: null })
  t.equal(first.unexplainedOver, UNEXPLAINED_LIMIT)
  t.ok(first.peek > UNEXPLAINED_LIMIT)
  t.equal(verdict({ request, length: null, body: json({ entries: Array(3000).fill('/a/b') }) }), 'change single')
  t.equal(verdict({ request, length: null, body: json({ pad: LONG }) }), 'upload single unexplained-body')
  const cut = recognise({ request, length: null, body: 'x'.repeat(70_000) })
  t.equal(cut.unexplainedOver, UNEXPLAINED_LIMIT, 'and the rest is counted')
})

t.test('what edits, changes and shares bring is their size', async t => {
  t.match(operation({ request: 'POST docs.google.com/document/d/1/save', length: 300_000 }), { activity: 'edit', size: { bytes: 300_000, is: 'exact' } })
  t.match(operation({ request: 'PATCH www.googleapis.com/drive/v3/files/1', length: 300 }), { activity: 'change', size: { bytes: 300, is: 'exact' } })
  t.match(operation({ request: 'POST api.dropboxapi.com/2/sharing/add_file_member', length: 300 }), { activity: 'share', size: { bytes: 300, is: 'exact' } })
})
