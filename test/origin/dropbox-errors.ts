import type { JsonObject } from './json.ts'

/** A refusal in Dropbox's form: 409 (or what else is told) with a summary of the tags and the tags themselves. */
export class EndpointError extends Error {
  override readonly name = 'EndpointError'
  readonly error: JsonObject
  readonly status: number

  constructor(summary: string, error: JsonObject, status = 409) {
    super(summary)
    this.error = error
    this.status = status
  }
}

/** A path that is not there; `tag` is the argument that named it. */
export function notFound(tag: string): EndpointError {
  return new EndpointError(`${tag}/not_found/`, { '.tag': tag, [tag]: { '.tag': 'not_found' } })
}

/** What is wrong with a session; `within` is the tag that the endpoint puts around it. */
export function sessionError(within: 'lookup_failed' | undefined, tag: string, more: JsonObject = {}): EndpointError {
  return within === undefined
    ? new EndpointError(`${tag}/`, { '.tag': tag, ...more })
    : new EndpointError(`${within}/${tag}/`, { '.tag': within, [within]: { '.tag': tag, ...more } })
}
