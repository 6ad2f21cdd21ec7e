/** Answers to session starts that are hostile or odd: they pass byte for byte and hurt nobody. */
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import https from 'node:https'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import t from 'tap'
import { makeTestCa } from '../origin/ca.ts'
import { portOf } from '../origin/control.ts'
import { proxyAgent } from '../origin/proxy-agent.ts'
import { eventually, watchProcess } from './observe.ts'
import { MESSAGE, withRules } from './policies.ts'
import { startWorld } from './world.ts'

const GRAPH = 'graph.microsoft.com'
const CHUNKS = 'contoso-my.sharepoint.com'
const faults = watchProcess(t)
const NO_DOCUMENTS = withRules({ id: 'no-docx', when: { activity: 'upload', fileName: '*.docx', method: 'PUT' }, action: 'block', message: MESSAGE })

const ca = makeTestCa()
const dir = await mkdtemp(join(tmpdir(), 'sluice-answers-'))
const caFile = join(dir, 'ca.pem')
await writeFile(caFile, ca.pem)
let answerStart: (response: ServerResponse) => void = (response) => response.end()
const origin = https.createServer({ SNICallback: (name, done) => done(null, ca.contextFor(name)) }, (request, response) => {
  request.resume()
  request.on('end', () => request.headers.host === GRAPH ? answerStart(response) : response.writeHead(201).end('{}'))
})
origin.listen(0, '127.0.0.1')
await once(origin, 'listening')
const address = `127.0.0.1:${portOf(origin.address())}`
const world = await startWorld({ config: { upstream: { hosts: { [`${GRAPH}:443`]: address, [`${CHUNKS}:443`]: address }, ca: [caFile] } } })
await world.setPolicy(NO_DOCUMENTS)
t.teardown(async () => {
  await world.close()
  origin.closeAllConnections()
  origin.close()
  await rm(dir, { recursive: true, force: true })
})

interface Answer {
  readonly status: number
  readonly encoding: string | undefined
  readonly body: Buffer
  readonly complete: boolean
}

async function ask(method: string, url: string, headers: Readonly<Record<string, string>>, body: string): Promise<Answer> {
  const agent = proxyAgent(world.proxy, await readFile(world.caFile, 'utf8'))
  return new Promise((resolve, reject) => {
    const sent = https.request(url, { method, agent, headers: { 'content-length': String(body.length), ...headers } }, (response) => {
      const parts: Buffer[] = []
      response.on('data', (chunk: Buffer) => parts.push(chunk))
      response.on('error', () => undefined) // `complete` tells
      response.on('close', () => {
        agent.destroy()
        resolve({ status: response.statusCode ?? 0, encoding: response.headers['content-encoding'], body: Buffer.concat(parts), complete: response.complete })
      })
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

const start = (name: string): Promise<Answer> => ask('POST', `https://${GRAPH}/v1.0/me/drive/root:/${name}:/createUploadSession`, { 'content-type': 'application/json' }, '{}')

/** Whether a chunk to the session of this id is refused; by its name where that was learned, and where none was. */
async function isRefused(id: string): Promise<boolean> {
  const url = `https://${CHUNKS}/personal/fay/_api/v2.0/drives/b!x/items/01/uploadSession?guid='${id}'`
  return (await ask('PUT', url, { 'content-range': 'bytes 0-4/5' }, 'hello')).status === 403
}

const told = (id: string): string => JSON.stringify({ uploadUrl: `https://${CHUNKS}/personal/fay/_api/v2.0/drives/b!x/items/01/uploadSession?guid='${id}'` })

t.test('answers are read in each encoding, and pass as they are', async (t) => {
  const encodings: Readonly<Record<string, (text: string) => Buffer>> = {
    identity: (text) => Buffer.from(text), gzip: (text) => gzipSync(text), 'x-gzip': (text) => gzipSync(text),
    br: (text) => brotliCompressSync(text), deflate: (text) => deflateSync(text),
  }
  for (const [encoding, encode] of Object.entries(encodings)) {
    const id = `good-${encoding}`
    const bytes = encode(told(id))
    answerStart = (response) => response.writeHead(200, { 'content-encoding': encoding, 'content-type': 'application/json' }).end(bytes)
    const answer = await start('free.txt')
    t.match(answer, { status: 200, encoding, complete: true })
    t.ok(answer.body.equals(bytes), encoding)
    t.equal(await isRefused(id), false, `${encoding}: its name was learned, and passes`)
  }
  t.equal(await isRefused('never-started'), true, 'without a start the name is not known')
})

t.test('what cannot or may not be read teaches nothing, and passes as it is', async (t) => {
  const bomb = gzipSync(Buffer.concat([Buffer.from(told('bomb')), Buffer.alloc(100 << 20, 0x20)]))
  t.ok(bomb.length > 64 * 1024, 'more than is read even before it is decoded')
  const smallBomb = gzipSync(Buffer.concat([Buffer.from(told('small-bomb')), Buffer.alloc(20 << 20, 0x20)]))
  t.ok(smallBomb.length < 64 * 1024)
  const cases: [id: string, headers: Readonly<Record<string, string>>, status: number, body: Buffer][] = [
    ['bomb', { 'content-encoding': 'gzip' }, 200, bomb],
    ['small-bomb', { 'content-encoding': 'gzip' }, 200, smallBomb],
    ['broken', { 'content-encoding': 'gzip' }, 200, Buffer.from(told('broken'))],
    ['twice', { 'content-encoding': 'gzip, gzip' }, 200, gzipSync(gzipSync(told('twice')))],
    ['unheard', { 'content-encoding': 'zstd' }, 200, Buffer.from(told('unheard'))],
    ['huge', {}, 200, Buffer.from(told('huge') + ' '.repeat(5 << 20))],
    ['failed', {}, 503, Buffer.from(told('failed'))],
    ['moved', { location: 'https://graph.microsoft.com/' }, 307, Buffer.from(told('moved'))],
    ['no-json', {}, 200, Buffer.from(`x${told('no-json')}`)],
  ]
  for (const [id, headers, status, body] of cases) {
    answerStart = (response) => response.writeHead(status, { ...headers, 'content-length': String(body.length) }).end(body)
    const answer = await start('free.txt')
    t.match(answer, { status, complete: true }, id)
    t.ok(answer.body.equals(body), `${id}: byte for byte`)
    t.equal(await isRefused(id), true, `${id}: nothing was learned`)
  }
})

t.test('an answer that never ends, or breaks off, holds nothing', async (t) => {
  let release = (): void => undefined
  answerStart = (response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.write(told('slow'))
    release = () => response.destroy()
  }
  const slow = start('free.txt')
  await eventually(async () => !await isRefused('slow'), 300)
  t.equal(await isRefused('slow'), true, 'an answer that is not complete teaches nothing')
  answerStart = (response) => response.end(told('beside'))
  await start('free.txt')
  t.equal(await isRefused('beside'), false, 'and others do not wait for it')
  release()
  t.match(await slow, { status: 200, complete: false })
  t.equal(await isRefused('slow'), true)
})

t.test('nothing would have ended the process', async (t) => {
  t.strictSame(faults, [])
})
