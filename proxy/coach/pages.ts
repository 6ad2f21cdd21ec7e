/** The pages on which a person asks for an exception. No scripts; whatever others wrote is escaped. */
import { escapeMarkup } from '../escape-markup.ts'
import { EXCEPTION_PATH } from './offers.ts'
import type { Offer } from './offers.ts'

export const REASON_MAX = 500

const STYLE = `:root{color-scheme:light dark}
body{font:1rem/1.5 system-ui,sans-serif;max-width:40em;margin:0 auto;padding:8vh 1.25em 2em}
h1{font-size:1.6em;line-height:1.25;overflow-wrap:anywhere}
textarea{font:inherit;width:100%;box-sizing:border-box}button{font:inherit;padding:.4em 1.2em;margin-top:.75em}
dl{display:grid;grid-template-columns:auto 1fr;gap:.25em 1.25em;margin:2em 0}
dt{opacity:.75}dd{margin:0;overflow-wrap:anywhere}`

/** The form; `fault` says what was wrong with what was sent before. */
export function formPage(offer: Offer, fault?: string): string {
  return page('Ask for an exception', `${offer.message === undefined ? '' : `<p>${escapeMarkup(offer.message)}</p>`}
<p>Your organisation blocked this. If you need it for your work, say why: someone decides, and what is granted ends by itself.</p>
${fault === undefined ? '' : `<p role="alert"><strong>${escapeMarkup(fault)}</strong></p>\n`}<form method="post" action="${EXCEPTION_PATH}">
<input type="hidden" name="event" value="${escapeMarkup(offer.event)}">
<label for="reason">Why do you need it?</label>
<textarea id="reason" name="reason" rows="4" maxlength="${REASON_MAX}" required></textarea>
<button>Ask</button>
</form>
${about(offer)}`)
}

export function askedPage(offer: Offer): string {
  return page('You have asked for an exception', `<p>It is not granted yet. Once it is, do again what was blocked.</p>\n${about(offer)}`)
}

/** `until`: ISO 8601. */
export function grantedPage(offer: Offer, until: string): string {
  return page('Your exception is granted', `<p>It lasts until ${escapeMarkup(until)}. Do again what was blocked.</p>\n${about(offer)}`)
}

/** A page that says one thing. */
export function sayingPage(title: string, said: string): string {
  return page(title, `<p>${escapeMarkup(said)}</p>`)
}

function about({ event, rule, provider }: Offer): string {
  const service = provider === null ? '' : `<dt>Service</dt><dd>${escapeMarkup(provider)}</dd>`
  return `<dl><dt>Event</dt><dd><code>${escapeMarkup(event)}</code></dd><dt>Rule</dt><dd>${escapeMarkup(rule)}</dd>${service}</dl>`
}

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeMarkup(title)}</title>
<style>${STYLE}</style></head>
<body><main><h1>${escapeMarkup(title)}</h1>
${body}
</main></body></html>
`
}
