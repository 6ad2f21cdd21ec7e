/** Rows S21: who a client is, by its ticket. */
import type { Mutation } from './mutation.ts'
import { patch } from './mutation.ts'

const GSSAPI = 'proxy/people/gssapi.ts'
const TICKETS = 'proxy/people/tickets.ts'
const PRINCIPAL = 'policy/people/principal.ts'
const BOUND = 'a connection is its user\'s until the ticket ends, another token is shown, or a proxy is between'
const CHANGED = 'what is no token, or one that was changed, proves nobody'

export const PEOPLE_MUTATIONS: readonly Mutation[] = [
  patch('S21.1', GSSAPI, '`file2:${replayCache}`', "'none:'", 'a ticket proves its user once, and the proxy to him'),
  patch('S21.1', GSSAPI, 'gss.acquire(minor, name[0],', 'gss.acquire(minor, null,', 'tickets of others: another service\'s, another realm\'s, one whose key is gone'),
  patch('S21.1', GSSAPI, "    if (isError(major)) throw failure(gss, gss.explain(major, minor[0]))\n", '', CHANGED),
  patch('S21.1', GSSAPI, '    if ((major & CONTINUE_NEEDED) !== 0) throw', '    if (false) throw', 'who offers another mechanism first is not let into a negotiation'),
  patch('S21.2', PRINCIPAL, 'home.includes(realm) ? name : principal', 'name', 'users of home realms are known by their names, others by name and realm'),
  patch('S21.2', PRINCIPAL, "  if (principal.includes('\\\\')) return null\n", '', 'what could pass for another, or is nobody, is no user'),
  patch('S21.3', TICKETS, "!rawHeaders.some((name, i) => i % 2 === 0 && name.toLowerCase() === 'via')", 'true', BOUND),
  patch('S21.3', TICKETS, '    this.#bound.delete(connection)\n', '', BOUND),
  patch('S21.3', TICKETS, 'this.#options.now() < bound.until', 'true', BOUND),
]
