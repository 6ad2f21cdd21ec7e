/** What Sluice's log says that matters to a soak. */

export interface LogLines {
  /** Errors, failures of the proxy itself, and lines that are no log at all (Node's own), each once with its count. */
  readonly faults: readonly string[]
  /** Warnings: on a machine with too much other work a store may be late. */
  readonly warnings: readonly string[]
}

export function readLog(log: string): LogLines {
  const [faults, warnings] = [new Map<string, number>(), new Map<string, number>()]
  for (const line of log.split('\n')) {
    if (line === '') continue
    const { level, text } = readLine(line)
    const kind = level === 'warn' ? warnings : level === 'info' ? null : faults
    kind?.set(text, (kind.get(text) ?? 0) + 1)
  }
  const tell = (counts: ReadonlyMap<string, number>): string[] => [...counts].map(([text, count]) => `${count} times ${text}`)
  return { faults: tell(faults), warnings: tell(warnings) }
}

function readLine(line: string): { level: string; text: string } {
  if (!line.startsWith('{')) return { level: 'none', text: line }
  const { level, msg, error, code, detail }: Record<string, unknown> = JSON.parse(line)
  const text = [msg, error, code, detail].filter(part => part !== undefined).map(String).join(' ')
  return { level: code === 'proxy.internal' ? 'error' : String(level), text }
}
