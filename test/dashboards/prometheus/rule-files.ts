/** The rule files as Prometheus reads them, and the same with all times shortened. */
import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'

const FOLDER = new URL('../../../dashboards/prometheus/', import.meta.url)
export const RULE_FILES = ['recording.rules.yml', 'alerts.rules.yml'] as const
export type RuleFile = (typeof RULE_FILES)[number]

export interface Rule {
  readonly alert?: string
  readonly record?: string
  readonly expr: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
}

export function readRuleFile(name: RuleFile): Promise<string> {
  return readFile(new URL(name, FOLDER), 'utf8')
}

export async function readRules(name: RuleFile): Promise<readonly Rule[]> {
  const { groups }: { groups: readonly { rules: readonly Rule[] }[] } = parse(await readRuleFile(name))
  return groups.flatMap(({ rules }) => rules)
}

const SECONDS = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 }
/** In `for: 5m`, `interval: 1m`, `[1h]`, `[1w:1h]` and `offset 1h`: not where a name ends with one. */
const DURATION = /(?<=(?:for|interval): |\[|:|offset )(\d+)([smhdw])\b/g

/**
 * So that a week passes within minutes: each duration becomes a 360th of itself, and 3 seconds at least, which is three
 * scrapes; groups are evaluated each second. Expressions and thresholds stay as they are.
 */
export function shorten(text: string): string {
  return text
    .replace(DURATION, (_all, count: string, unit: keyof typeof SECONDS) => `${Math.max(3, Math.round(Number(count) * SECONDS[unit] / 360))}s`)
    .replace(/^( *interval:) .*$/gm, '$1 1s')
}
