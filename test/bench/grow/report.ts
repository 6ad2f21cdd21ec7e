/** Measurements as Markdown: one table, and bars of the same. */

export interface Line {
  readonly what: string
  readonly count: number
  readonly value: number
  readonly unit: string
  /** Not more than this is meant; left out: nothing is. */
  readonly limit?: number
}

const WIDTH = 40

export function reportOf(title: string, words: string, lines: readonly Line[], notes: readonly string[]): string {
  const rows = lines.map(({ what, count, value, unit, limit }) =>
    `| ${what} | ${count.toLocaleString('en')} | ${shown(value)} ${unit} | ${limit === undefined ? '' : `${limit} ${unit}${value <= limit ? '' : ' **missed**'}`} |`)
  return [
    `# ${title}`, '', words, '',
    '| what | how many | each | limit |', '| --- | ---: | ---: | ---: |', ...rows, '',
    ...notes.map(note => `- ${note}`), '',
    '```', ...bars(lines), '```', '',
  ].join('\n')
}

/** Each kind against its own largest. */
function bars(lines: readonly Line[]): string[] {
  return lines.map(({ what, count, value, unit }) => {
    const largest = Math.max(...lines.filter(line => line.what === what).map(line => line.value))
    const bar = '█'.repeat(largest === 0 ? 0 : Math.round(value / largest * WIDTH))
    return `${what.padEnd(32)}${count.toLocaleString('en').padStart(8)} ${bar.padEnd(WIDTH)} ${shown(value)} ${unit}`.trimEnd()
  })
}

function shown(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3)
}
