import { call, mayEdit, Problem } from './api.js'
import { element, onClick, say } from './dom.js'

const YAML = { 'content-type': 'application/yaml' }

/** What was written and not stored, while other views are looked at. @type {{ readonly text: string, readonly tag: string } | null} */
let draft = null

/** The policy as text: checked, tried on what was recorded, and stored. @type {import('./app.js').View} */
export async function rules(place, _rest, signal) {
  const text = element('textarea', { rows: '24', spellcheck: 'false', 'aria-describedby': 'found' })
  const comment = element('input', { maxlength: '500' })
  const found = element('div', { id: 'found' })
  const [validate, simulate, save, reload] = ['Validate', 'Simulate', 'Save', 'Load what is stored'].map((name) => element('button', { type: 'button' }, [name]))
  if (validate === undefined || simulate === undefined || save === undefined || reload === undefined) return
  const isEditor = await mayEdit()
  if (!isEditor) text.readOnly = true
  place.append(element('h1', {}, ['Rules']), element('label', { class: 'wide' }, ['The policy, in YAML', text]),
    element('div', { class: 'row' }, [validate, simulate, ...isEditor ? [element('label', {}, ['Comment', comment]), save] : [], reload]), found)
  let tag = ''
  let stored = ''
  signal.addEventListener('abort', () => { draft = text.value === stored ? null : { text: text.value, tag } }, { once: true })

  /** @param {Response} answer */
  const show = async (answer) => {
    tag = answer.headers.get('etag') ?? ''
    text.value = stored = await answer.text()
  }
  const load = async () => {
    await show(await call('/policy', { signal, headers: { accept: 'application/yaml' } }))
    found.replaceChildren()
    say(`Revision ${tag.replaceAll('"', '')}.`)
  }
  onClick(reload, load)

  onClick(validate, async () => {
    const told = await (await call('/policy/validate', { method: 'POST', signal, headers: YAML, body: text.value })).json()
    found.replaceChildren(...places('Faults', told.errors), ...places('Warnings', told.warnings ?? []))
    say(told.valid ? `Valid, with ${told.rules} ${told.rules === 1 ? 'rule' : 'rules'}.` : told.detail ?? 'Not valid.')
  })

  onClick(simulate, async () => {
    say('Asking what would have been decided otherwise …')
    const told = await (await call('/policy/simulate?since=7d', { method: 'POST', signal, headers: YAML, body: text.value })).json()
    found.replaceChildren(...outcome(told))
    say(`Of ${told.events} recorded decisions of the last seven days, ${told.changed} would have been others.`)
  })

  onClick(save, async () => {
    try {
      await show(await call(`/policy${query(comment.value)}`, { method: 'PUT', signal, headers: { ...YAML, accept: 'application/yaml', 'if-match': tag }, body: text.value }))
      found.replaceChildren()
      comment.value = ''
      say(`Stored as revision ${tag.replaceAll('"', '')}; it decides from now on.`)
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      found.replaceChildren(...error.code === 'policy.stale' ? [stale()] : places('Faults', error.errors))
      throw error
    }
  })

  /** Nothing is lost: the draft stays in the field. */
  function stale() {
    const over = element('button', { type: 'button' }, ['Keep my draft, and let the next save replace theirs'])
    onClick(over, async () => {
      tag = (await call('/policy', { signal, headers: { accept: 'application/yaml' } })).headers.get('etag') ?? ''
      found.replaceChildren()
      say(`Your draft is as it was; saving it replaces revision ${tag.replaceAll('"', '')}.`)
    })
    return element('div', {}, [
      element('p', {}, ['Somebody has changed the policy since you loaded it. See ', element('a', { href: '#/revisions' }, ['Revisions']), ' for what; your draft is kept meanwhile.']), over,
    ])
  }

  const left = draft
  await load()
  if (left === null) return
  text.value = left.text
  tag = left.tag
  say(`Your draft, begun from revision ${tag.replaceAll('"', '')}. “Load what is stored” drops it.`)
}

/** @param {string} comment */
export function query(comment) {
  return comment === '' ? '' : `?${new URLSearchParams({ comment })}`
}

/**
 * @param {string} title
 * @param {readonly { path: string, message: string, remedy?: string }[]} list
 */
function places(title, list) {
  if (list.length === 0) return []
  return [element('h2', {}, [title]), element('ul', {}, list.map(({ path, message, remedy = '' }) =>
    element('li', {}, [element('code', {}, [path === '' ? '(the whole)' : path]), ` ${message} ${remedy}`])))]
}

/** What a simulation has found. @param {any} told */
function outcome(told) {
  const rows = told.samples.map((/** @type {any} */ one) => element('tr', {}, [
    element('td', {}, [element('a', { href: `#/event/${encodeURIComponent(one.id)}` }, [new Date(one.at).toLocaleString()])]),
    ...[`${one.from.action} → ${one.to.action}`, one.to.rule ?? '', one.activity, one.provider ?? '', one.user ?? '', one.fileName ?? ''].map((word) => element('td', {}, [word])),
  ]))
  const sums = told.changes.map((/** @type {any} */ one) => element('li', {}, [`${one.events} from ${one.from} to ${one.to}`]))
  const inexact = told.inexact.map((/** @type {any} */ one) => element('li', {}, [`${one.condition}: ${one.events} events do not tell it as it was`]))
  return [
    element('h2', {}, ['What would change']), element('p', {}, [`${told.changed} of ${told.events} decisions.`]), element('ul', {}, [...sums, ...inexact]),
    ...rows.length === 0 ? [] : [element('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Examples' }, [element('table', {}, [
      element('thead', {}, [element('tr', {}, ['Time', 'Decision', 'Rule', 'Activity', 'Provider', 'User', 'File'].map((name) => element('th', { scope: 'col' }, [name])))]),
      element('tbody', {}, rows),
    ])])],
  ]
}
