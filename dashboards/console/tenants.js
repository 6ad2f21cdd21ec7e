import { call, mayEdit } from './api.js'
import { ask, element, onClick, say, table } from './dom.js'

/** The allowlist: whose accounts are sanctioned. @type {import('./app.js').View} */
export async function tenants(place, _rest, signal) {
  const isEditor = await mayEdit()
  const { whole, body } = table('Sanctioned tenants', ['Account', 'Id', 'Name', 'Other names', ...isEditor ? [''] : []])
  const more = element('button', { type: 'button', hidden: '' }, ['More'])
  const [account, id, name, aliases] = ['account', 'id', 'name', 'aliases'].map((field) => element('input', { name: field, ...field === 'account' || field === 'id' ? { required: '' } : {} }))
  if (account === undefined || id === undefined || name === undefined || aliases === undefined) return
  let cursor = ''
  const load = async () => {
    const page = await (await call(`/tenants?limit=500${cursor}`, { signal })).json()
    body.append(...page.tenants.map(row))
    cursor = page.next === undefined ? '' : `&cursor=${encodeURIComponent(page.next)}`
    more.hidden = cursor === ''
  }
  const again = async () => {
    cursor = ''
    body.replaceChildren()
    await load()
  }

  /** @param {{ account: string, id: string, name?: string, aliases?: string[] }} tenant */
  function row(tenant) {
    const [edit, remove] = ['Edit', 'Remove'].map((word) => element('button', { type: 'button', 'aria-label': `${word} ${tenant.account} ${tenant.id}` }, [word]))
    const texts = [tenant.account, tenant.id, tenant.name ?? '', (tenant.aliases ?? []).join(', ')]
    if (edit === undefined || remove === undefined || !isEditor) return element('tr', {}, texts.map((text) => element('td', {}, [text])))
    onClick(edit, async () => {
      for (const [input, text] of [[account, texts[0]], [id, texts[1]], [name, texts[2]], [aliases, texts[3]]]) {
        if (input instanceof HTMLInputElement && typeof text === 'string') input.value = text
      }
      name?.focus()
    })
    onClick(remove, async () => {
      if (await ask(`Take ${tenant.account} ${tenant.id} off the allowlist? What goes there is not sanctioned then.`, 'Remove') === null) return
      await call(`/tenants/${encodeURIComponent(tenant.account)}/${encodeURIComponent(tenant.id)}`, { method: 'DELETE', signal })
      await again()
      say(`${tenant.account} ${tenant.id} is no longer on the allowlist.`)
    })
    return element('tr', {}, [...texts.map((text) => element('td', {}, [text])), element('td', {}, [edit, ' ', remove])])
  }

  const form = element('form', {}, [
    element('label', {}, ['Account (microsoft, google, dropbox …)', account]), element('label', {}, ['Id', id]), element('label', {}, ['Name', name]),
    element('label', {}, ['Other names, with commas between', aliases]), element('button', {}, ['Store']),
  ])
  form.addEventListener('submit', async (submitted) => {
    submitted.preventDefault()
    const others = aliases.value.split(',').map((one) => one.trim()).filter((one) => one !== '')
    const details = { ...name.value !== '' && { name: name.value }, ...others.length > 0 && { aliases: others } }
    try {
      await call(`/tenants/${encodeURIComponent(account.value.trim())}/${encodeURIComponent(id.value.trim())}`,
        { method: 'PUT', signal, headers: { 'content-type': 'application/json' }, body: JSON.stringify(details) })
      await again()
      say(`${account.value} ${id.value} is on the allowlist.`)
      form.reset()
    } catch (error) {
      say(error instanceof Error ? error.message : String(error))
    }
  })
  onClick(more, load)
  place.append(element('h1', {}, ['Tenants']), ...isEditor ? [form] : [], whole, more)
  await load()
}
