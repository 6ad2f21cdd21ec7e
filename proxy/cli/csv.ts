import { SluiceError } from '../../policy/errors.ts'

export interface Row {
  /** From 1. */
  readonly line: number
  readonly cells: readonly string[]
}

const CELL = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y

/** CSV as RFC 4180 has it, except that a quoted cell stays on its line. Empty lines are left out. */
export function parseCsv(text: string, file: string): Row[] {
  return text.replace(/^\ufeff/, '').split(/\r?\n/).flatMap((source, i) =>
    source.trim() === '' ? [] : [{ line: i + 1, cells: cellsOf(source, `${file}, line ${i + 1}`) }])
}

function cellsOf(source: string, place: string): string[] {
  const cells: string[] = []
  CELL.lastIndex = 0
  for (;;) {
    const match = CELL.exec(source)
    if (match === null) {
      throw new SluiceError('tenant.invalid', `${place} has a quote that does not end or begin a cell`, 'Correct that line')
    }
    cells.push((match[1]?.replaceAll('""', '"') ?? match[2] ?? '').trim())
    if (match[3] === '') return cells
  }
}
