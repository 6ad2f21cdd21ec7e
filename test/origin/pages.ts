import type { Vault } from './content.ts'
import type { Exchange } from './exchange.ts'

const FILLER = Buffer.alloc(64 << 10, 'sluice stand-in ')
/** More than any test asks for, and still an exact number. */
const MOST_BYTES = 2 ** 50

/**
 * What every host answers besides its provider's API: `/`, a page that names host and HTTP version, and for
 * benches `/bench/download?bytes=N` and `/bench/upload`. False: the path is not one of these.
 */
export async function answerCommon(exchange: Exchange, vault: Vault): Promise<boolean> {
  const { path, host, httpVersion } = exchange.record
  if (path === '/') {
    const page = `<!doctype html><html lang="en"><title>${host}</title><h1>${host}</h1><p id="version">HTTP/${httpVersion}</p></html>\n`
    await exchange.send(200, { 'content-type': 'text/html; charset=utf-8' }, page)
    return true
  }
  if (path === '/bench/download') {
    const bytes = Number(exchange.query.get('bytes'))
    if (Number.isSafeInteger(bytes) && bytes >= 0 && bytes <= MOST_BYTES) await sendFiller(exchange, 200, bytes)
    else await exchange.send(400, { 'content-type': 'text/plain' }, 'give ?bytes=N, a whole number\n')
    return true
  }
  if (path === '/bench/upload') {
    const counter = vault.counter()
    await exchange.receive(counter)
    const { size, sha256 } = await counter.finish()
    await exchange.json(200, { size, sha256 })
    return true
  }
  return false
}

/** Answers with a body of so many bytes of filler. */
export async function sendFiller(exchange: Exchange, status: number, bytes: number): Promise<void> {
  const headers = { 'content-type': 'application/octet-stream', 'content-length': String(bytes) }
  await exchange.stream(status, headers, filler(bytes))
}

function * filler(bytes: number): Generator<Buffer> {
  for (let left = bytes; left > 0; left -= FILLER.length) yield FILLER.subarray(0, Math.min(left, FILLER.length))
}
