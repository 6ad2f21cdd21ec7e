/** The line above a policy that is printed for people, which says what revision it is. */
import type { Revision } from './store/store.ts'

/** `# revision 7, 2026-11-30T12:00:00.000Z, by cli:alice`: one line, whoever the author is. */
export function headOf({ revision, at, author }: Pick<Revision, 'revision' | 'at' | 'author'>): string {
  return `# revision ${revision}, ${at}, by ${author.replace(/[\p{Cc}\u2028\u2029]/gu, ' ')}\n`
}

/** A source without such lines at its top, so that they do not pile up where what was printed is stored again. */
export function withoutHead(source: string): string {
  return source.replace(/^(?:# revision \d+, \d{4}-[^\n]*, by [^\n]*\n)+/, '')
}
