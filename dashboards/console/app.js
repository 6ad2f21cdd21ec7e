/** The shell: signs in, and shows the view that the address names. */
import { isSignedIn, keepToken, whoAmI } from './api.js'
import { element, say } from './dom.js'
import { event } from './event.js'
import { events } from './events.js'
import { live } from './live.js'
import { revisions } from './revisions.js'
import { rules } from './rules.js'
import { tenants } from './tenants.js'

/**
 * Fills `place`. `rest` is what follows the view's name in the address; `signal` ends with the view. What it throws is told.
 * @typedef {(place: HTMLElement, rest: string, signal: AbortSignal) => void | Promise<void>} View
 */

/** @type {Readonly<Record<string, { title?: string, view: View }>>} those without a title are not in the menu */
const VIEWS = {
  live: { title: 'Live', view: live }, events: { title: 'Events', view: events }, event: { view: event }, rules: { title: 'Rules', view: rules },
  tenants: { title: 'Tenants', view: tenants }, revisions: { title: 'Revisions', view: revisions },
}

let leave = new AbortController()

async function show() {
  leave.abort()
  leave = new AbortController()
  const { signal } = leave
  const place = document.getElementById('view')
  const menu = document.getElementById('views')
  if (place === null || menu === null) return
  place.replaceChildren()
  menu.replaceChildren()
  say('')
  const person = document.getElementById('who')
  person?.replaceChildren()
  if (!isSignedIn()) return signIn(place)
  const [, name = 'live', rest = ''] = /^#\/(\w+)(?:\/(.*))?$/.exec(location.hash) ?? []
  const shown = Object.hasOwn(VIEWS, name) ? VIEWS[name] : VIEWS.live
  for (const [key, { title }] of Object.entries(VIEWS)) {
    if (title !== undefined) menu.append(element('a', { href: `#/${key}`, ...key === name && { 'aria-current': 'page' } }, [title]))
  }
  const out = element('button', { type: 'button' }, ['Sign out'])
  out.addEventListener('click', () => { keepToken(null); void show() })
  menu.append(out)
  document.title = `${shown?.title ?? 'Why'} · Sluice`
  place.focus()
  try {
    const { author, role } = await whoAmI()
    if (signal.aborted) return
    person?.replaceChildren(`${author} (${role})`)
    await shown?.view(place, decodeURIComponent(rest), signal)
  } catch (error) {
    if (!signal.aborted) say(error instanceof Error ? error.message : String(error))
  }
}

/** @param {HTMLElement} place */
function signIn(place) {
  const input = element('input', { type: 'password', autocomplete: 'off', required: '' })
  const form = element('form', {}, [element('label', {}, ['Token', input]), element('button', {}, ['Sign in'])])
  form.addEventListener('submit', async (submitted) => {
    submitted.preventDefault()
    keepToken(input.value.trim())
    try {
      await whoAmI()
      await show()
    } catch (error) {
      keepToken(null)
      say(error instanceof Error ? error.message : String(error))
      input.focus()
    }
  })
  place.append(element('h1', {}, ['Sign in']), form)
  input.focus()
}

addEventListener('hashchange', () => void show())
addEventListener('signed-out', () => {
  void show()
  say('The token is not valid, or not any more.')
})
void show()
