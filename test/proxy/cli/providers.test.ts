import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { main } from '../../../proxy/cli.ts'

async function run(...args: string[]) {
  let out = ''
  let err = ''
  const code = await main(args, { env: {}, out: text => { out += text }, err: text => { err += text } })
  return { code, out, err }
}

const DECLARED = `providers:
  - id: custom-filedrop
    hosts: [{ pattern: drop.example.com }]
    endpoints:
      - { methods: [PUT], path: "/api/{name}", activity: upload, source: by hand }
`

t.test('a table of providers, hosts and rows, with what is unproven', async t => {
  const { code, out } = await run('providers')
  t.equal(code, 0)
  for (const id of ['dropbox', 'google-drive', 'microsoft', 'box', 'mega', 'icloud', 'wetransfer', 's3', 'azure-blob', 'gcs', 'webdav']) {
    t.match(out, new RegExp(`^${id} \\(account [a-z]+\\), [1-9][0-9]* endpoints$`, 'm'))
  }
  t.match(out, /^ {2}POST PUT PATCH +\/2\/files\/\(alpha\/\)\?upload +upload +single +rclone and SDK, recorded$/m)
  t.match(out, /^ {2}POST +\/api\/v4\/transfers\/link +upload +start +.* \[unproven\]$/m)
  t.match(out, /login\.microsoftonline\.com \(sign-in\)/)
  t.match(out, /^webdav .*\n {2}hosts: those that intercept\.catalogue declares$/m)
})

t.test('the same as JSON, declared providers included', async t => {
  const dir = t.testdir({ 'more.yaml': DECLARED })
  const file = join(dir, 'sluice.yaml')

  await writeFile(file, `intercept: { catalogue: [${JSON.stringify(join(dir, 'more.yaml'))}] }\n`)
  const { code, out } = await run('providers', '--json', '--config', file)
  t.equal(code, 0)
  const providers: unknown = JSON.parse(out).providers
  t.match(providers, [{ id: 'dropbox', account: 'dropbox' }])
  t.match(Array.isArray(providers) ? providers.at(-1) : undefined, {
    id: 'custom-filedrop', account: 'custom', hosts: [{ pattern: 'drop.example.com', role: 'storage' }], domains: ['drop.example.com'],
    endpoints: [{ methods: ['PUT'], path: '/api/{name}', activity: 'upload', step: 'single', source: 'by hand', unproven: true }],
  })
})

t.test('a faulty file is one clear error with the line', async t => {
  const dir = t.testdir({ 'more.yaml': DECLARED.replace('activity', 'activty') })

  const file = join(dir, 'sluice.yaml')
  await writeFile(file, `intercept: { catalogue: [${JSON.stringify(join(dir, 'more.yaml'))}] }\n`)
  const { code, out, err } = await run('providers', '--config', file)
  t.equal(code, 1)
  t.equal(out, '')
  t.match(err, /more\.yaml: .*providers\/0\/endpoints\/0\/activty is not a known key; did you mean activity\? \(at 5:\d+\)/s)
})
