import { call } from './api.js'
import { element } from './dom.js'
import { WORDS } from './reasons.js'

/** One event: what was decided, and why. @type {import('./app.js').View} */
export async function event(place, id, signal) {
  place.append(element('h1', {}, ['Why']))
  const told = await (await call(`/events/${encodeURIComponent(id)}`, { signal })).json()
  const { sluice = {}, rule = {}, user = {}, source = {}, file = {}, url = {} } = told
  const tenant = sluice.tenant
  const words = {
    When: told['@timestamp'], Decision: sluice.action, Rule: rule.id ?? 'none; the default of the policy or of Sluice decided',
    Revision: rule.version, Message: told.event.reason, Activity: told.event.action,
    Provider: sluice.operation?.provider, Host: url.domain, Path: url.path, File: file.name,
    Tenant: tenant && `${tenant.id ?? 'not known'}, ${tenant.standing}; known by: ${tenant.how}`,
    User: user.name, From: source.ip ?? source.address, Client: told.user_agent?.original, 'Bytes sent': source.bytes, Event: told.event.id,
  }
  const reasons = element('ul', {}, (sluice.reasons ?? []).map((/** @type {string} */ code) =>
    element('li', {}, [WORDS[code] ?? '', ' ', element('code', {}, [code])])))
  place.append(element('dl', {}, Object.entries(words).filter(([, value]) => value !== undefined && value !== '').flatMap(
    ([name, value]) => [element('dt', {}, [name]), element('dd', {}, [String(value)])],
  )), element('h2', {}, ['Reasons']), reasons)
}
