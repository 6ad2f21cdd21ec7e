/** Rows S17 to S20: what is written of strangers' texts, what their patterns may cost, and the page that a person reads. */
import type { Mutation } from './mutation.ts'
import { patch } from './mutation.ts'

const ECS = 'dashboards/ecs.ts'
const SCHEMA = 'policy/schema.ts'
const PATTERN = 'policy/pattern.ts'

export const RECORD_MUTATIONS: readonly Mutation[] = [
  patch('S17', ECS, ': JSON.stringify(short).replaceAll(', ': JSON.stringify(short) || "".replaceAll(', 'no text of a client breaks a line or steers a terminal'),
  patch('S17', ECS, '  if (text.length * 3 <= MAX_BYTES) return text.toWellFormed()\n', '  if (text.length >= 0) return text.toWellFormed()\n', 'strings are bounded to 2 KB of UTF-8, at whole characters'),
  patch('S17', 'proxy/log.ts', "  return words.join(' ').replaceAll(", "  return words.join(' ') + '\\n' || ''.replaceAll(", 'a person gets short lines that cannot steer the terminal'),
  patch('S18', PATTERN, '  return (text) => compiled.test(text)\n', '  return (text) => compiled !== null && new RegExp(pattern).test(text.slice(-28))\n',
    'patterns run in linear time against texts that blow up a backtracking engine'),
  patch('S18', PATTERN, '  if (compiled.programSize() > MAX_PROGRAM) {', '  if (false) {', 'refused, with the place and what is allowed there'),
  patch('S18', SCHEMA, 'export const MAX_PATTERN = 512', 'export const MAX_PATTERN = 5_120', 'refused, with the place and what is allowed there'),
  patch('S18', SCHEMA, 'export const MAX_RULES = 10_000', 'export const MAX_RULES = 100_000', 'refused, with the place and what is allowed there'),
  patch('S18', 'policy/providers/text.ts', "  if (text.includes('//')) text = text.replace(/\\/{2,}/g, '/')\n", "  while (text.includes('//')) text = Buffer.from(text.replace('//', '/')).toString()\n",
    'hostile paths, queries and headers are read in linear time'),
  patch('S19', 'dashboards/metrics.ts', '    refused(code) { refusals.add(1, code) },', "    refused(code) { gauge(`sluice_${code.replaceAll('-', '_')}`, '', () => 1) },", 'a hostile client cannot make a series'),
  patch('S20.1', 'proxy/escape-markup.ts', "    .replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('\"', '&quot;').replaceAll(\"'\", '&#39;')", '',
    'a person gets a page, in which nothing is markup', 'in XML nothing of the message is markup, and nothing breaks the document'),
  patch('S20.1', 'proxy/escape-markup.ts', "text.replace(NOT_XML, '\\uFFFD')", 'text', 'in XML nothing of the message is markup, and nothing breaks the document'),
  patch('S20.1', 'proxy/refusal.ts', "      'Content-Type', type,\n      'Cache-Control', 'no-store',\n", "      'Content-Type', type,\n", 'a person gets a page, in which nothing is markup'),
  patch('S20.1', 'proxy/refusal.ts', "...(type.startsWith('text/html') ? ", '...(false ? ', 'a person gets a page, in which nothing is markup'),
  patch('S20.2', 'proxy/refusal.ts', "  if (mode !== undefined) return mode === 'navigate'\n", '  if (mode !== undefined) return false\n', 'a person who opens a blocked page reads why'),
]
