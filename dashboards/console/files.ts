/** The console's files, as the admin port serves them: read once, at start. */
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8', css: 'text/css; charset=utf-8', js: 'text/javascript; charset=utf-8',
}

/** By name within `/console/`; the page itself has the empty name. */
export function consoleFiles(): ReadonlyMap<string, { readonly type: string; readonly body: string }> {
  const charts = dirname(createRequire(import.meta.url).resolve('uplot'))
  const uplot = [['uplot.js', 'uPlot.esm.js', 'js'], ['uplot.css', 'uPlot.min.css', 'css']] as const
  return new Map([...uplot.map(([name, file, kind]) => [name, { type: TYPES[kind] ?? '', body: readFileSync(join(charts, file), 'utf8') }] as const), ...readdirSync(import.meta.dirname).flatMap((name) => {
    const type = TYPES[name.split('.').at(-1) ?? '']
    return type === undefined ? [] : [[name === 'index.html' ? '' : name, { type, body: readFileSync(join(import.meta.dirname, name), 'utf8') }] as const]
  })])
}
