/** The little of MIME (RFC 2046, RFC 2387) that tells what a request holds: first part, inner requests. */

/** The `boundary` of a multipart media type. */
export function boundaryOf(contentType: string | undefined): string | undefined {
  if (contentType === undefined || !(contentType.startsWith('multipart/') || /^\s{0,4}multipart\//i.test(contentType))) return undefined
  const found = /;\s{0,4}boundary=(?:"([^"]{1,200})"|([^\s;",]{1,200}))/i.exec(contentType)
  return found?.[1] ?? found?.[2]
}

/** The text of the first part, if the body's beginning holds all of it. */
export function firstPart(body: Buffer, boundary: string): string | undefined {
  const opening = body.indexOf(`--${boundary}`)
  if (opening < 0) return undefined
  const headEnd = endOfHead(body, opening)
  if (headEnd < 0) return undefined
  const end = body.indexOf(`\n--${boundary}`, headEnd - 1)
  return end < 0 ? undefined : body.toString('utf8', headEnd, end)
}

/** The offset behind the empty line that ends a part's head. */
function endOfHead(body: Buffer, from: number): number {
  const crlf = body.indexOf('\r\n\r\n', from)
  const lf = body.indexOf('\n\n', from)
  if (crlf < 0) return lf < 0 ? -1 : lf + 2
  return lf >= 0 && lf < crlf ? lf + 2 : crlf + 4
}

export interface InnerRequest {
  readonly method: string
  /** Path and query, or an absolute address. */
  readonly target: string
  /** Names in lower case, in order. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string
}

/**
 * The requests inside a `multipart/mixed` batch. Undefined where not every part shows its request line:
 * what was not understood must not pass as harmless. Whatever looks like a request line counts as one.
 */
export function innerRequests(body: Buffer): readonly InnerRequest[] | undefined {
  const found: InnerRequest[] = []
  let parts = 0
  const lines = body.toString('utf8').split('\n')
  // From the last line to the first: a request's headers and body are what follows it.
  let end = lines.length
  for (let i = lines.length - 1; i >= 0; i--) {
    const line = lines[i] ?? ''
    if (line.startsWith('--')) end = i
    if (/^content-type:[ \t]*application\/http/i.test(line)) parts++
    const request = /^([A-Za-z]{2,16})[ \t]{1,8}(\S{1,8192})(?:[ \t]|\r?$)/.exec(line)
    const [, method, target] = request ?? []
    if (method === undefined || target === undefined || !/^(?:\/|https?:)/i.test(target)) continue
    found.push({ method: method.toUpperCase(), target, ...message(lines, i + 1, end) })
    end = i
  }
  return parts > 0 && found.length >= parts ? found.reverse() : undefined
}

/** Headers until an empty line, then the body, from one line of a batch up to another. */
function message(lines: readonly string[], from: number, to: number): Pick<InnerRequest, 'headers' | 'body'> {
  const headers: (readonly [string, string])[] = []
  for (let i = from; i < to; i++) {
    const line = (lines[i] ?? '').replace(/\r$/, '')
    // The line end before the next boundary is the boundary's (RFC 2046 §5.1.1).
    if (line === '') return { headers, body: lines.slice(i + 1, to).join('\n').replace(/\r?\n?$/, '') }
    const colon = line.indexOf(':')
    if (colon > 0) headers.push([line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()])
  }
  return { headers, body: '' }
}
