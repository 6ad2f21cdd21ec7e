/** What a reader has taken of a connection's bytes, in a form in which two readers can be compared. */

export interface Taken {
  readonly method: string
  readonly url: string
  readonly rawHeaders: readonly string[]
  /** Content, without the frames of the chunked coding; as much as has come. */
  readonly body: Buffer
  /** Whether the message has come to its end. */
  readonly isComplete: boolean
}

/**
 * How it ended: `more` may follow; `refused`; `handed-on` to another reader, which begins with this request;
 * `closed`: the client said that nothing follows.
 */
export type End = 'more' | 'refused' | 'handed-on' | 'closed'
