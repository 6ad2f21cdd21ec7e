import Type from 'typebox'
import { SluiceError } from '../errors.ts'
import { ROLES } from '../store/store.ts'
import { json } from './answers.ts'
import type { AdminApp } from './ports.ts'

const Who = Type.Object({
  author: Type.String({ description: 'As the audit log names it: token:<id> <label> or oidc:<subject>.' }),
  role: Type.Enum([...ROLES]),
  expiresAt: Type.Optional(Type.String({ description: 'When the token ends; absent where it lasts.' })),
}, { additionalProperties: false, title: 'Whoami' })

/** `GET /whoami`: who the caller is here, so that a page can show what he may do. */
export function whoamiRoutes(app: AdminApp): void {
  app.get('/whoami', {
    config: { role: 'viewer' },
    schema: { operationId: 'whoami', summary: 'Who you are here', tags: ['access'], response: { 200: json(Who, 'Of the token that was sent.') } },
  }, async ({ actor }) => {
    if (actor === null) throw new SluiceError('internal', 'A request without an actor was answered')
    const { author, role, expiresAt } = actor
    return { author, role, ...expiresAt !== undefined && { expiresAt } }
  })
}
