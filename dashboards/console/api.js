/** The admin API, with the token that was typed in. It is kept for this tab alone, so that a reload asks for none and a closed tab leaves none. */

const KEY = 'sluice.token'

export function isSignedIn() {
  return sessionStorage.getItem(KEY) !== null
}

/** @type {Promise<{ author: string, role: string }> | null} */
let who = null

/** Who the token makes one here; asked once a token, so that views can leave out what the role may not do. */
export function whoAmI() {
  who ??= call('/whoami').then((answer) => answer.json())
  who.catch(() => { who = null })
  return who
}

/** @param {string | null} token */
export function keepToken(token) {
  who = null
  if (token === null) sessionStorage.removeItem(KEY)
  else sessionStorage.setItem(KEY, token)
}

/** What the API answers where something is wrong (RFC 9457). */
export class Problem extends Error {
  /**
   * @param {string} detail with the remedy
   * @param {string} code
   * @param {readonly { path: string, message: string }[]} errors the places of a document that are wrong
   */
  constructor(detail, code, errors) {
    super(detail)
    this.code = code
    this.errors = errors
  }
}

/** Whether the token's role may change things. */
export async function mayEdit() {
  const { role } = await whoAmI()
  return role === 'editor' || role === 'admin'
}

/**
 * Rejects with a `Problem` where the answer is none of 2xx. A token that is not taken any more is forgotten, and
 * `signed-out` is told.
 * @param {string} path below `/v1`
 * @param {RequestInit} [init]
 */
export async function call(path, init = {}) {
  const headers = new Headers(init.headers)
  headers.set('authorization', `Bearer ${sessionStorage.getItem(KEY) ?? ''}`)
  const answer = await fetch(`/v1${path}`, { ...init, headers })
  if (answer.ok) return answer
  if (answer.status === 401 && isSignedIn()) {
    keepToken(null)
    dispatchEvent(new Event('signed-out'))
  }
  const problem = await answer.json().catch(() => ({}))
  throw new Problem(problem.detail ?? problem.title ?? `Answered with ${answer.status}`, problem.code ?? '', problem.errors ?? [])
}

/**
 * Follows events by fetch: EventSource cannot send a token. Comes again after a break, where it was; ends with `signal`.
 * @param {AbortSignal} signal
 * @param {(event: any) => void} onEvent
 * @param {(words: string) => void} onState
 */
export async function follow(signal, onEvent, onState) {
  let last = ''
  while (!signal.aborted) {
    try {
      const answer = await call('/events/stream', { signal, headers: last === '' ? {} : { 'last-event-id': last } })
      onState('Following decisions as they are made.')
      const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader()
      let rest = ''
      for (let part = await reader?.read(); part !== undefined && !part.done; part = await reader?.read()) {
        const blocks = (rest + part.value).split('\n\n')
        rest = blocks.pop() ?? ''
        for (const block of blocks) {
          const data = /^data: (.*)$/m.exec(block)?.[1]
          last = /^id: (\d+)$/m.exec(block)?.[1] ?? last
          if (data !== undefined) onEvent(JSON.parse(data))
        }
      }
    } catch (error) {
      if (!signal.aborted) onState(error instanceof Error ? error.message : String(error))
    }
    if (!signal.aborted) await new Promise((done) => setTimeout(done, 3_000))
  }
}
