/**
 * A program as its users write it on Microsoft's `@microsoft/microsoft-graph-client`, with that package's own middleware:
 * `node graph-client-program.ts [put|session|stream|get FILE NAME]...`. For each it prints a line: `{ id, size }` of the
 * item, or `{ code, message }`. ACCESS_TOKEN and DRIVE (`/drives/{id}`) are read from the environment.
 */
import { createReadStream } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { Client, GraphError, OneDriveLargeFileUploadTask, ResponseType } from '@microsoft/microsoft-graph-client'
import { asObject } from './json.ts'
import type { JsonObject } from './json.ts'

/** A range of a session: 320 KiB are its unit. */
const RANGE_BYTES = 10 * 320 << 10

const DRIVE = process.env.DRIVE ?? '/me/drive'

const client = Client.init({ authProvider: done => done(null, process.env.ACCESS_TOKEN ?? 'FAKE-TOKEN') })

for (let rest = process.argv.slice(2); rest.length > 0; rest = rest.slice(3)) {
  const [how = '', file = '', name = ''] = rest
  process.stdout.write(`${JSON.stringify(await outcome(how, file, name))}\n`)
}

async function outcome(how: string, file: string, name: string): Promise<JsonObject> {
  try {
    const { id, size } = asObject(await act(how, file, name))
    return { id, size }
  } catch (error) {
    // For a range of a session the package rejects with the parsed answer itself.
    const { code, message } = error instanceof GraphError ? error : asObject(asObject(error).error)
    if (code === undefined) throw error
    return { code, message }
  }
}

async function act(how: string, file: string, name: string): Promise<unknown> {
  const content = client.api(`${DRIVE}/root:/up/${encodeURIComponent(name)}:/content`)
  switch (how) {
    case 'put': return content.put(await readFile(file))
    case 'session': {
      const options = { fileName: name, path: '/up', rangeSize: RANGE_BYTES }
      const task = await OneDriveLargeFileUploadTask.create(client, await readFile(file), options)
      return (await task.upload()).responseBody
    }
    // Node's fetch takes a stream in this way only; it has no length.
    case 'stream': return content.option('duplex', 'half').putStream(createReadStream(file))
    case 'get': {
      const bytes: unknown = await content.responseType(ResponseType.ARRAYBUFFER).get()
      if (!(bytes instanceof ArrayBuffer)) throw new Error('the content is no bytes')
      await writeFile(file, Buffer.from(bytes))
      return { size: bytes.byteLength }
    }
    default: throw new Error('use put, session, stream or get')
  }
}
