import { call, follow } from './api.js'
import { element, say, table } from './dom.js'
import { COLUMNS, eventRow } from './event-row.js'
import { trend } from './trend.js'

const ROWS = 100
/** Live events come at most this much later than they were on a page. */
const REMEMBERED = 1_000
/** Of a burst of blocks a screen reader is told this often, milliseconds. */
const TELL_EVERY_MS = 5_000

/** The latest decisions, as they are made. @type {import('./app.js').View} */
export function live(place, _rest, signal) {
  const { whole, body } = table('Latest decisions', COLUMNS)
  const pause = element('button', { type: 'button', 'aria-pressed': 'false' }, ['Pause'])
  /** @type {any[]} */
  let held = []
  /** What is in the table, told live or with the latest: once is enough. @type {Set<string>} */
  const shown = new Set()
  let toldAt = 0
  /** @param {any} event */
  const show = (event) => {
    body.prepend(eventRow(event))
    while (body.rows.length > ROWS) body.deleteRow(-1)
  }
  pause.addEventListener('click', () => {
    const isPaused = pause.getAttribute('aria-pressed') !== 'true'
    pause.setAttribute('aria-pressed', String(isPaused))
    say(isPaused ? 'Paused.' : 'Following decisions as they are made.')
    for (const event of isPaused ? [] : held) show(event)
    held = []
  })
  place.append(element('h1', {}, ['Live']))
  const chart = trend(place, signal)
  place.append(element('p', {}, [pause]), whole)
  const latest = async () => {
    const page = await (await call('/events?limit=25', { signal })).json()
    for (const event of page.events) {
      if (shown.has(event.event.id)) continue
      shown.add(event.event.id)
      body.append(eventRow(event))
    }
  }
  Promise.all([latest(), chart.load()]).catch((error) => { if (!signal.aborted) say(error instanceof Error ? error.message : String(error)) })
  void follow(signal, (event) => {
    chart.add(event)
    if (shown.has(event.event.id)) return
    shown.add(event.event.id)
    if (shown.size > REMEMBERED) for (const oldest of shown) { shown.delete(oldest); break }
    if (pause.getAttribute('aria-pressed') !== 'true') show(event)
    else held = [...held, event].slice(-ROWS)
    if (event.sluice?.action !== 'block' || Date.now() - toldAt < TELL_EVERY_MS) return
    toldAt = Date.now()
    say(`Blocked: ${event.event.action} to ${event.sluice?.operation?.provider ?? event.url?.domain ?? ''}`)
  }, say)
}
