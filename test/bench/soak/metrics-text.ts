/** Reads what `/metrics` says, as far as a soak asks. */

export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface MetricsText {
  /** The sum over all series of a name whose labels are these. */
  sum(name: string, labels?: Readonly<Record<string, string>>): number
  /** The series of a name that are not 0, by the values of these labels, joined with `/`. */
  by(name: string, ...labels: readonly string[]): Map<string, number>
}

export function parseMetrics(text: string): MetricsText {
  const samples = text.split('\n').filter(line => line !== '' && !line.startsWith('#')).map(parseLine)
  return {
    sum: (name, labels = {}) => samples
      .filter(sample => sample.name === name && Object.entries(labels).every(([label, value]) => sample.labels[label] === value))
      .reduce((sum, { value }) => sum + value, 0),
    by(name, ...labels) {
      const sums = new Map<string, number>()
      for (const sample of samples) {
        if (sample.name !== name || sample.value === 0) continue
        const key = labels.map(label => sample.labels[label] ?? '').join('/')
        sums.set(key, (sums.get(key) ?? 0) + sample.value)
      }
      return sums
    },
  }
}

function parseLine(line: string): Sample {
  const [, name = '', labels = '', value = ''] = /^([\w:]+)(?:\{(.*)\})? (\S+)/.exec(line) ?? []
  return {
    name, value: Number(value),
    labels: Object.fromEntries([...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label = '', text = '']) => [label, text])),
  }
}
