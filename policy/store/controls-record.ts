import Type from 'typebox'
import { Compile } from 'typebox/compile'
import { corrupt } from './corrupt.ts'
import type { Controls } from './store.ts'

/** How many exceptions a store holds; whoever adds one makes room first. */
export const EXCEPTIONS_MAX = 10_000

export const NO_CONTROLS: Controls = { version: 0, breakGlass: null, exceptions: [] }

const text = Type.String()
const optional = Type.Optional(text)
const check = Compile(Type.Object({
  version: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
  breakGlass: Type.Union([Type.Null(), Type.Object({ reason: text, author: text, since: text, until: text })]),
  exceptions: Type.Array(Type.Object({
    id: Type.String({ minLength: 1 }),
    state: Type.Enum(['asked', 'granted', 'declined', 'revoked']),
    rule: text,
    provider: Type.Union([Type.Null(), text]),
    user: optional, ip: optional, reason: text, event: text, askedAt: text, decidedAt: optional, decidedBy: optional, until: optional,
    comment: optional,
  }), { maxItems: EXCEPTIONS_MAX }),
}))

/** `store.corrupt` naming `where` otherwise: exceptions that are read by halves would open or close what nobody decided. */
export function parseControls(value: unknown, where: string): Controls {
  if (!check.Check(value)) {
    const [first] = check.Errors(value)
    throw corrupt(where, first === undefined ? 'it holds no controls' : `${first.instancePath === '' ? 'the document' : first.instancePath} ${first.message}`)
  }
  const { version, breakGlass, exceptions } = value
  return { version, breakGlass, exceptions }
}
