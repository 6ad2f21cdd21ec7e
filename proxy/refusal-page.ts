/** The page that a person's browser shows when it is refused: what happened, what to do now, whom to ask. No scripts; nothing is loaded. */
import { escapeMarkup } from './escape-markup.ts'
import { chooseLanguage, WORDS } from './refusal-words.ts'
import type { Refused, RefusalText } from './refusal.ts'

/** `style-src` for the page's own style; a logo comes within it. */
export const PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"

/** `message`: a rule's own words, in place of the code's. */
export function refusalPage({ code, message, ruleId, eventId, askAt, headers }: Refused, status: number, { organisation, contact, logo, language }: RefusalText): string {
  const chosen = chooseLanguage(language, headers?.get('accept-language'))
  const words = WORDS[chosen]
  const said = escapeMarkup(message ?? words.codes[code].text)
  const who = escapeMarkup(organisation ?? words.network)
  // The name beside it says whose it is.
  const mark = logo === null ? '' : `<p><img src="${escapeMarkup(logo)}" alt=""></p>\n`
  const ask = askAt === undefined ? '' : `<p><a href="${escapeMarkup(askAt)}">${words.ask}</a></p>\n`
  const questions = contact === null ? '' : `<p>${words.questions}: ${escapeMarkup(contact)}</p>\n`
  const rule = ruleId === null ? '' : `<dt>${words.rule}</dt><dd>${escapeMarkup(ruleId)}</dd>`
  return `<!doctype html>
<html lang="${chosen}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${words.blocked}: ${said}</title>
<style>:root{color-scheme:light dark}
body{font:1rem/1.5 system-ui,sans-serif;max-width:40em;margin:0 auto;padding:8vh 1.25em 2em}
img{max-width:12em;max-height:4em}
h1{font-size:1.6em;line-height:1.25;overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:auto 1fr;gap:.25em 1.25em;margin:2em 0}
dt{opacity:.75}dd{margin:0;overflow-wrap:anywhere}</style></head>
<body><main>${mark}<h1>${said}</h1>
<p>${who} ${words.checks} ${escapeMarkup(words.codes[code].remedy)}</p>
<dl><dt>${words.event}</dt><dd><code>${escapeMarkup(eventId)}</code></dd>${rule}<dt>${words.status}</dt><dd>${status}</dd></dl>
${ask}${questions}</main></body></html>
`
}
