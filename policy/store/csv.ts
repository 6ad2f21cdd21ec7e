import { SluiceError, atPlace } from '../errors.ts'
import { mapInSlices } from '../slices.ts'

export interface Row {
  /** From 1. */
  readonly line: number
  readonly cells: readonly string[]
}

const CELL = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y

/**
 * CSV as RFC 4180 has it, except that a quoted cell stays on its line. Empty lines are left out. Throws `tenant.invalid`,
 * naming the line of `where`.
 */
export async function parseCsv(text: string, where: string): Promise<Row[]> {
  const rows = await mapInSlices(text.replace(/^\ufeff/, '').split(/\r?\n/), (source, i) =>
    source.trim() === '' ? []
      : [{ line: i + 1, cells: atPlace(`${where}, line ${i + 1}`, `line ${i + 1}`, () => cellsOf(source)) }])
  return rows.flat()
}

function cellsOf(source: string): string[] {
  const cells: string[] = []
  CELL.lastIndex = 0
  for (;;) {
    const match = CELL.exec(source)
    if (match === null) {
      throw new SluiceError('tenant.invalid', 'there is a quote that does not end or begin a cell', 'Correct that line')
    }
    cells.push((match[1]?.replaceAll('""', '"') ?? match[2] ?? '').trim())
    if (match[3] === '') return cells
  }
}
