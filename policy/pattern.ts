/**
 * Patterns that users write. They run in time linear in the text (RE2's automata), never in the JavaScript
 * regular expression engine, whose backtracking a crafted text can make exponential.
 */
import { RE2JS, RE2JSSyntaxException } from 're2js'

/** Instructions of a compiled pattern: nested repetition can make a short pattern huge. */
const MAX_PROGRAM = 5000

export type TextTest = (text: string) => boolean

/** An RE2 pattern, found anywhere in the text. Throws a SyntaxError that says what is wrong with it. */
export function compilePattern(pattern: string): TextTest {
  const compiled = compileRe2(pattern, 0)
  return (text) => compiled.test(text)
}

/**
 * A glob over the whole text: `*` anything within a `/` segment, `**` anything, `?` one character of a segment.
 * Case does not count, for several providers do not tell `/Secret` from `/secret`; composed and decomposed
 * letters (Unicode NFC, NFD) are the same.
 */
export function compileGlob(glob: string): TextTest {
  const source = glob.normalize('NFC').split(/(\*\*|\*|\?)/).map(part =>
    part === '**' ? '.*' : part === '*' ? '[^/]*' : part === '?' ? '[^/]' : RE2JS.quote(part)).join('')
  const compiled = compileRe2(source, RE2JS.CASE_INSENSITIVE | RE2JS.DOTALL)
  return (text) => compiled.testExact(text.normalize('NFC'))
}

function compileRe2(pattern: string, flags: number): RE2JS {
  let compiled: RE2JS
  try {
    compiled = RE2JS.compile(pattern, flags)
  } catch (error) {
    if (!(error instanceof RE2JSSyntaxException)) throw error
    const reason = error.message.replace(/^error parsing regexp: /, '')
    throw new SyntaxError(`is not an RE2 pattern: ${reason}`, { cause: error })
  }
  if (compiled.programSize() > MAX_PROGRAM) {
    throw new SyntaxError(`is too large a pattern (${compiled.programSize()} instructions, at most ${MAX_PROGRAM})`)
  }
  return compiled
}
