/** Columns of plain text, as wide as their widest cell; numbers stand to the right. */
export function composeTable(heads: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = [heads, ...rows.map(row => row.map(cell => typeof cell === 'number' ? cell.toLocaleString('en') : cell))]
  const widths = heads.map((_, column) => Math.max(...cells.map(line => line[column]?.length ?? 0)))
  const isNumber = heads.map((_, column) => rows.some(row => typeof row[column] === 'number'))
  const line = (texts: readonly string[]): string => texts
    .map((text, column) => isNumber[column] === true ? text.padStart(widths[column] ?? 0) : text.padEnd(widths[column] ?? 0))
    .join('   ').trimEnd()
  const [head = [], ...body] = cells
  return [line(head), line(widths.map(width => '-'.repeat(width))), ...body.map(line)].map(text => `${text}\n`).join('')
}
