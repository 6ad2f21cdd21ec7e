/**
 * `npm run demo`: Sluice before the stand-in providers, three real uploads with curl, and what became of each.
 * Nothing leaves this machine.
 */
import { composeTable } from './demo-table.ts'
import { curl } from './e2e/curl.ts'
import type { CurlResult } from './e2e/curl.ts'
import { eventsSoFar } from './e2e/recorded.ts'
import type { Recorded } from './e2e/recorded.ts'
import { startWorld } from './e2e/world.ts'
import type { World } from './e2e/world.ts'
import { until } from './policy/store/wait.ts'

const POLICY = {
  default: 'allow',
  unknownTenant: 'log',
  rules: [
    { id: 'own-tenants', when: { activity: 'upload', tenant: 'sanctioned' }, action: 'allow' },
    {
      id: 'foreign-tenants', when: { activity: 'upload', tenant: 'unsanctioned' }, action: 'block',
      message: 'Company files go to the company OneDrive.',
    },
    {
      id: 'no-large-dropbox-uploads', when: { provider: 'dropbox', activity: 'upload', size: { atLeast: '1MB' } }, action: 'block',
      message: 'Files of 1 MB and more do not go to Dropbox.',
    },
  ],
}

/** Where a body of untold length is a chunked one. */
const HTTP = '--http1.1'

interface Attempt {
  readonly what: string
  readonly bytes: number
  /** Where the content goes. */
  readonly host: string
  readonly upload: (world: World, content: Buffer) => Promise<CurlResult>
}

const ATTEMPTS: readonly Attempt[] = [
  {
    what: "to the organisation's own OneDrive (contoso)", bytes: 200_000, host: 'contoso-my.sharepoint.com',
    upload: (world, content) => uploadBySession(world, 'https://graph.microsoft.com/v1.0/me/drive', content),
  },
  {
    what: "to another organisation's OneDrive (fabrikam)", bytes: 200_000, host: 'fabrikam-my.sharepoint.com',
    upload: (world, content) => uploadBySession(world, 'https://graph.microsoft.com/v1.0/drives/b!FAKEfabrikamdrive', content),
  },
  {
    what: 'to Dropbox, its length not told beforehand', bytes: 8_000_000, host: 'content.dropboxapi.com',
    upload: (world, content) => curl([
      HTTP, '-X', 'POST', '-H', 'Dropbox-API-Arg: {"path":"/plans.zip"}', '-H', 'Content-Type: application/octet-stream',
      '-T', '-', 'https://content.dropboxapi.com/2/files/upload',
    ], { ...world, stdin: content }),
  },
]

const world = await startWorld()
try {
  const added = await world.api('PUT', '/v1/tenants/microsoft/contoso', { name: 'Contoso' })
  if (!added.ok) throw new Error(`the tenant was not added: ${added.status} ${await added.text()}`)
  await world.setPolicy(POLICY)
  const rows: (string | number)[][] = []
  const told: string[] = []
  for (const attempt of ATTEMPTS) {
    const { row, message } = await carryOut(attempt)
    rows.push(row)
    if (message !== null) told.push(`curl was told, ${attempt.what}:\n  ${message}\n`)
  }
  const heads = ['An upload', 'Bytes', 'Decision', 'By rule', 'Body bytes at the provider']
  process.stdout.write(`\n${composeTable(heads, rows)}\n${told.join('')}\n`)
} finally {
  await world.close()
}

async function carryOut(attempt: Attempt): Promise<{ row: (string | number)[]; message: string | null }> {
  const { what, bytes, host, upload } = attempt
  const { origin } = world
  await origin.reset()
  const before = (await eventsSoFar(world)).length
  const result = await upload(world, Buffer.alloc(bytes, 'the plans '))
  // What was cut may still be on its way between the sockets, and its event is written when it is over.
  await until('the provider has seen the end', () => origin.requests().every(({ complete, aborted }) => complete || aborted))
  let decided: Recorded | undefined
  await until(`the decision on the upload ${what}`, async () => {
    decided = (await eventsSoFar(world)).slice(before)
      .findLast(({ event, url, sluice }) => event.action === 'upload' && (url.domain === host || sluice.action === 'block'))
    return decided !== undefined
  })
  if (decided === undefined) throw new Error(`no decision was recorded for the upload ${what}`)
  const { rule, sluice } = decided
  const decision = sluice.action === 'block' ? sluice.cut ? 'blocked, cut' : 'blocked' : 'allowed'
  return {
    row: [what, bytes, decision, rule.id ?? 'none', origin.fileBytes()],
    message: sluice.action === 'block' ? `${result.status} ${result.stdout.trim()}` : null,
  }
}

/** As OneDrive's clients do: Graph names the address of an upload session, and the content goes there. */
async function uploadBySession(world: World, drive: string, content: Buffer): Promise<CurlResult> {
  const started = await curl([
    HTTP, '-X', 'POST', '-H', 'Content-Type: application/json', '-d', '{}', `${drive}/root:/plans.zip:/createUploadSession`,
  ], world)
  if (started.status !== 200) return started
  const { uploadUrl } = JSON.parse(started.stdout) as { readonly uploadUrl: string }
  const range = `Content-Range: bytes 0-${content.length - 1}/${content.length}`
  return curl([HTTP, '-X', 'PUT', '-H', range, '--data-binary', '@-', uploadUrl], { ...world, stdin: content })
}
