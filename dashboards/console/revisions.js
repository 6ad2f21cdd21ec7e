import { call, mayEdit } from './api.js'
import { ask, element, onClick, say, table } from './dom.js'
import { query } from './rules.js'

/** How the policy came to be; with a number, what that revision changed. @type {import('./app.js').View} */
export async function revisions(place, rest, signal) {
  if (rest !== '') return differences(place, rest, signal)
  const isEditor = await mayEdit()
  const { whole, body } = table('Revisions', ['Revision', 'When', 'Who', 'Comment', 'Changes', ...isEditor ? [''] : []])
  const more = element('button', { type: 'button' }, ['More'])
  let cursor = ''
  const load = async () => {
    const page = await (await call(`/policy/revisions?limit=50${cursor}`, { signal })).json()
    body.append(...page.revisions.map((/** @type {any} */ one) => row(one)))
    cursor = page.next === undefined ? '' : `&cursor=${page.next}`
    more.hidden = cursor === ''
  }

  /** @param {any} one */
  function row(one) {
    const restore = element('button', { type: 'button' }, [`Restore ${one.revision}`])
    onClick(restore, async () => {
      const comment = await ask(`Make the policy of revision ${one.revision} the one that decides?`, 'Restore')
      if (comment === null) return
      const now = (await call('/policy', { signal, headers: { accept: 'application/yaml' } })).headers.get('etag') ?? ''
      const answer = await call(`/policy/revisions/${one.revision}/restore${query(comment)}`, { method: 'POST', signal, headers: { 'if-match': now } })
      cursor = ''
      body.replaceChildren()
      await load()
      say(`Restored, as revision ${(answer.headers.get('etag') ?? '').replaceAll('"', '')}.`)
    })
    const changes = (one.changes ?? []).map((/** @type {any} */ change) => `${change.ruleId ?? change.path} ${change.kind}`).join(', ')
    return element('tr', {}, [
      element('td', {}, [element('a', { href: `#/revisions/${one.revision}`, 'aria-label': `What revision ${one.revision} changed` }, [String(one.revision)])]),
      ...[new Date(one.at).toLocaleString(), one.author, one.restores === undefined ? one.comment ?? '' : `restores ${one.restores} ${one.comment ?? ''}`,
        `${changes}${one.moreChanges > 0 ? `, and ${one.moreChanges} more` : ''}`].map((text) => element('td', {}, [text])),
      ...isEditor ? [element('td', {}, [restore])] : [],
    ])
  }

  onClick(more, load)
  place.append(element('h1', {}, ['Revisions']), whole, more)
  await load()
}

/**
 * @param {HTMLElement} place
 * @param {string} revision
 * @param {AbortSignal} signal
 */
async function differences(place, revision, signal) {
  const against = element('input', { inputmode: 'numeric', pattern: '[1-9][0-9]*', size: '6' })
  const form = element('form', {}, [element('label', {}, ['Compared with revision', against]), element('button', {}, ['Compare'])])
  const list = element('div')
  const load = async () => {
    const told = await (await call(`/policy/revisions/${encodeURIComponent(revision)}/diff${against.value === '' ? '' : `?against=${encodeURIComponent(against.value)}`}`, { signal })).json()
    against.value = String(told.against)
    list.replaceChildren(...told.changes.length === 0 ? [element('p', {}, ['Both mean the same.'])] : told.changes.map(describe))
    say(`${told.changes.length} ${told.changes.length === 1 ? 'difference' : 'differences'}.`)
  }
  form.addEventListener('submit', (submitted) => {
    submitted.preventDefault()
    load().catch((error) => say(error.message))
  })
  place.append(element('h1', {}, [`Revision ${revision}`]), element('p', {}, [element('a', { href: '#/revisions' }, ['All revisions'])]), form, list)
  await load()
}

/** @param {any} change */
function describe(change) {
  const fields = change.kind === 'set' ? [change] : change.fields ?? []
  const title = change.kind === 'set' ? change.path : `Rule ${change.ruleId ?? change.rule.id}: ${change.kind}${change.kind === 'moved' ? ` from ${change.from} to ${change.to}` : ''}`
  return element('section', {}, [
    element('h2', {}, [title]),
    ...change.rule === undefined ? [] : [element('pre', {}, [JSON.stringify(change.rule, null, 2)])],
    ...fields.map((/** @type {any} */ field) => element('dl', {}, [
      element('dt', {}, [`${field.path}, before`]), element('dd', {}, [element('del', {}, [JSON.stringify(field.before) ?? 'not there'])]),
      element('dt', {}, [`${field.path}, after`]), element('dd', {}, [element('ins', {}, [JSON.stringify(field.after) ?? 'not there'])]),
    ])),
  ])
}
