/**
 * The proxy auto-configuration script. It routes by host alone (browsers cut path and query of https URLs) and never
 * falls back to DIRECT for a catalogue host: a fall-back is a way around. ES5, as PAC engines are old.
 */
export interface PacOptions {
  /** `host:port` of this proxy as its clients reach it. */
  readonly proxy: string
  readonly which: 'all' | 'providers'
  /** Catalogue patterns: exact names, or `*.suffix`. */
  readonly patterns: readonly string[]
}

/** Names without a dot and this machine itself are not on the far side of any proxy. */
const LOCAL = `  if (isPlainHostName(host) || host === "localhost") return "DIRECT";\n`

export function composePac(options: PacOptions): string {
  const proxy = JSON.stringify(`PROXY ${options.proxy}`)
  const head = `// Sends ${options.which === 'all' ? 'all traffic' : 'cloud storage'} through Sluice. There is no fall-back on purpose.\nfunction FindProxyForURL(url, host) {\n  host = host.toLowerCase().replace(/\\.$/, "");\n`
  if (options.which === 'all') return `${head}${LOCAL}  return ${proxy};\n}\n`
  const exact = options.patterns.filter((p) => !p.startsWith('*.'))
  const suffixes = options.patterns.filter((p) => p.startsWith('*.')).map((p) => p.slice(1))
  return (
    `var names = ${JSON.stringify(Object.fromEntries(exact.map((name) => [name, 1])))};\n` +
    `var suffixes = ${JSON.stringify(suffixes)};\n` +
    head +
    `  if (names.hasOwnProperty(host)) return ${proxy};\n` +
    '  for (var i = 0; i < suffixes.length; i++) {\n' +
    '    var s = suffixes[i];\n' +
    `    if (host.length > s.length && host.slice(-s.length) === s) return ${proxy};\n` +
    '  }\n' +
    '  return "DIRECT";\n}\n'
  )
}
