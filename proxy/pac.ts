/**
 * The proxy auto-configuration script. It routes by host alone (browsers cut path and query of https URLs) and never
 * falls back to DIRECT for a catalogue host: a fall-back is a way around. ES5, as PAC engines are old.
 */
export interface PacOptions {
  /** `host:port` of this proxy as its clients reach it. */
  readonly proxy: string
  /** Clients speak TLS to it. */
  readonly secure?: boolean
  readonly which: 'all' | 'providers'
  /** Catalogue patterns: exact names, or with `*` (`HostPattern`). */
  readonly patterns: readonly string[]
}

/** Names without a dot and this machine itself are not on the far side of any proxy. */
const LOCAL = `  if (isPlainHostName(host) || host === "localhost") return "DIRECT";\n`

export function composePac(options: PacOptions): string {
  const proxy = JSON.stringify(`${options.secure === true ? 'HTTPS' : 'PROXY'} ${options.proxy}`)
  const head = `// Sends ${options.which === 'all' ? 'all traffic' : 'cloud storage'} through Sluice. There is no fall-back on purpose.\nfunction FindProxyForURL(url, host) {\n  host = host.toLowerCase().replace(/\\.$/, "");\n`
  if (options.which === 'all') return `${head}${LOCAL}  return ${proxy};\n}\n`
  const exact = options.patterns.filter((p) => !p.includes('*'))
  const below = options.patterns.filter((p) => p.startsWith('*.')).map((p) => p.slice(2))
  const shapes = options.patterns.filter((p) => p.lastIndexOf('*') > 0).map(shapeOf)
  const suffixes = below.filter((p) => !p.includes('*')).map((p) => `.${p}`)
  return (
    `var names = ${JSON.stringify(Object.fromEntries(exact.map((name) => [name, 1])))};\n` +
    `var suffixes = ${JSON.stringify(suffixes)};\n` +
    `var shapes = [${shapes.join(', ')}];\n` +
    head +
    `  if (names.hasOwnProperty(host)) return ${proxy};\n` +
    '  for (var i = 0; i < suffixes.length; i++) {\n' +
    '    var s = suffixes[i];\n' +
    `    if (host.length > s.length && host.slice(-s.length) === s) return ${proxy};\n` +
    '  }\n' +
    `  for (var j = 0; j < shapes.length; j++) if (shapes[j].test(host)) return ${proxy};\n` +
    '  return "DIRECT";\n}\n'
  )
}

/** A pattern with a `*` within it, as a regular expression: at the front any number of labels, further right a part of one. */
function shapeOf(pattern: string): string {
  const isBelow = pattern.startsWith('*.')
  const rest = (isBelow ? pattern.slice(2) : pattern).replaceAll('.', '\\.').replaceAll('*', '[^.]{1,63}')
  return `/^${isBelow ? '.+\\.' : ''}${rest}$/`
}
