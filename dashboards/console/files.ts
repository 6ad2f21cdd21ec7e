/** The console's files, as the admin port serves them: read once, at start. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8', css: 'text/css; charset=utf-8', js: 'text/javascript; charset=utf-8',
}

/** By name within `/console/`; the page itself has the empty name. */
export function consoleFiles(): ReadonlyMap<string, { readonly type: string; readonly body: string }> {
  return new Map(readdirSync(import.meta.dirname).flatMap((name) => {
    const type = TYPES[name.split('.').at(-1) ?? '']
    return type === undefined ? [] : [[name === 'index.html' ? '' : name, { type, body: readFileSync(join(import.meta.dirname, name), 'utf8') }]]
  }))
}
