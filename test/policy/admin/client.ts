/** A client that knows nothing of the API but its document, over a real connection. */
import type { AddressInfo } from 'node:net'
import type { AxiosResponse } from 'axios'
import { OpenAPIClientAxios } from 'openapi-client-axios'
import type { OpenAPIClient } from 'openapi-client-axios'
import type { Admin } from './harness.ts'
import type { Call } from './operations.ts'

export interface Described {
  readonly operationId: string
  readonly 'x-role'?: string
  readonly responses: object
  /** Codes of the problems that it declares. */
  readonly codes: ReadonlySet<string>
}

export interface Client {
  readonly document: Readonly<Record<string, unknown>>
  readonly operations: readonly Described[]
  /** Asks with a token; null: without one. Any status is an answer. */
  call(operationId: string, secret: string | null, call: Call): Promise<AxiosResponse>
}

export async function startClient({ app }: Admin): Promise<Client> {
  await app.listen({ host: '127.0.0.1', port: 0 })
  const baseURL = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
  const response = await fetch(`${baseURL}/openapi.json`)
  const document = await response.json() as { paths: Record<string, Record<string, Described>> }
  const api = new OpenAPIClientAxios({
    definition: structuredClone(document) as never, quick: true, axiosConfigDefaults: { baseURL, validateStatus: () => true, proxy: false },
  })
  const client: OpenAPIClient = await api.init()
  return {
    document: { ...document },
    operations: Object.values(document.paths).flatMap((path) => Object.values(path))
      .map((operation) => ({ ...operation, codes: codesOf(operation.responses) })),
    call: async (operationId, secret, { params, headers, body }) => {
      const ask = client[operationId]
      if (ask === undefined) throw new Error(`there is no operation ${operationId}`)
      return ask(params ?? {}, body, { headers: { ...secret !== null && { authorization: `Bearer ${secret}` }, ...headers } })
    },
  }
}

function codesOf(value: unknown): Set<string> {
  const codes = new Set<string>()
  const look = (one: unknown): void => {
    if (typeof one !== 'object' || one === null) return
    if ('code' in one && typeof one.code === 'object' && one.code !== null && 'enum' in one.code && Array.isArray(one.code.enum)) {
      for (const code of one.code.enum) codes.add(String(code))
    }
    for (const inner of Object.values(one)) look(inner)
  }
  look(value)
  return codes
}
