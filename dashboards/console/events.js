import { call } from './api.js'
import { element, say, table } from './dom.js'
import { COLUMNS, eventRow } from './event-row.js'

const FIELDS = ['since', 'until', 'provider', 'action', 'activity', 'user', 'tenant', 'rule']

/** Search in what was decided on this node. @type {import('./app.js').View} */
export function events(place, _rest, signal) {
  const { whole, body } = table('Events found', COLUMNS)
  const inputs = FIELDS.map((name) => name !== 'action' ? element('input', { name, size: '12' })
    : element('select', { name }, ['', 'allow', 'log', 'block'].map((value) => element('option', { value }, [value === '' ? 'any' : value]))))
  const form = element('form', { role: 'search' }, [
    ...inputs.map((input) => element('label', {}, [input.name, input])), element('button', {}, ['Search']),
  ])
  const more = element('button', { type: 'button', hidden: '' }, ['More'])
  let cursor = ''
  const load = async () => {
    const query = new URLSearchParams(inputs.filter(({ value }) => value !== '').map(({ name, value }) => [name, value]))
    if (cursor !== '') query.set('cursor', cursor)
    try {
      const page = await (await call(`/events?${query}`, { signal })).json()
      body.append(...page.events.map(eventRow))
      cursor = page.next ?? ''
      more.hidden = cursor === ''
      say(`${body.rows.length} ${body.rows.length === 1 ? 'event' : 'events'}${cursor === '' ? '.' : ', and there may be more.'}`)
    } catch (error) {
      if (!signal.aborted) say(error instanceof Error ? error.message : String(error))
    }
  }
  form.addEventListener('submit', (submitted) => {
    submitted.preventDefault()
    cursor = ''
    body.replaceChildren()
    void load()
  })
  more.addEventListener('click', () => void load())
  place.append(element('h1', {}, ['Events']), form, whole, more)
  void load()
}
