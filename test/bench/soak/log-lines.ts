/** What of Sluice's log should not be there after a soak. */

/** Warnings that a soak's clients bring about, each of which says so once a minute at most. */
const EXPECTED = [/said once a minute at most/]

/** Errors, warnings that nothing explains, and lines that are no log at all (Node's own), each once with its count. */
export function unexpectedLines(log: string): string[] {
  const counts = new Map<string, number>()
  for (const line of log.split('\n')) {
    const said = line === '' ? null : complaint(line)
    if (said !== null) counts.set(said, (counts.get(said) ?? 0) + 1)
  }
  return [...counts].map(([said, count]) => `${count} times ${said}`)
}

function complaint(line: string): string | null {
  if (!line.startsWith('{')) return line
  const { level, msg, error, code }: Record<string, unknown> = JSON.parse(line)
  const text = [level, msg, error, code].filter(part => part !== undefined).map(String).join(' ')
  if (level === 'error' || level === 'fatal') return text
  if (code === 'proxy.internal') return line
  return level === 'warn' && !EXPECTED.some(pattern => pattern.test(String(msg))) ? text : null
}
