/** An origin's answer as it is read beside its way to the client. */
import { HeaderTable } from '../head.ts'
import type { OriginAnswer } from '../read-answer.ts'
import type { AnswerHead } from './answer-head.ts'
import type { BodyReader } from './body-reader.ts'

export class TappedAnswer implements OriginAnswer {
  readonly status: number
  readonly #head: AnswerHead
  readonly #body: BodyReader
  readonly #pass: ((piece: Buffer) => void) | null
  #headers: HeaderTable | null = null
  #takers: Array<(piece: Buffer) => boolean> = []
  readonly #enders: Array<(isWhole: boolean) => void> = []

  /** `pass`: takes each piece of the content on its way, where its coding ends here. */
  constructor(head: AnswerHead, body: BodyReader, pass: ((piece: Buffer) => void) | null = null) {
    this.status = head.status
    this.#head = head
    this.#body = body
    this.#pass = pass
    body.reader = pass
  }

  header(name: string): string | undefined {
    this.#headers ??= new HeaderTable(this.#head.rawHeaders)
    return this.#headers.get(name)
  }

  tap(take: (piece: Buffer) => boolean, end: (isWhole: boolean) => void): void {
    this.#takers.push(take)
    this.#enders.push(end)
    this.#body.reader = this.#read
  }

  /** Tells whoever reads along that nothing more comes. */
  ended(isWhole: boolean): void {
    for (const end of this.#enders.splice(0)) end(isWhole)
  }

  readonly #read = (piece: Buffer): void => {
    this.#takers = this.#takers.filter((take) => take(piece))
    if (this.#takers.length === 0) this.#body.reader = this.#pass
    this.#pass?.(piece)
  }
}
