/** Reading JSON of unknown shape without trusting it. */
export type JsonObject = Readonly<Record<string, unknown>>

/** `value` if it is an object, else an empty one. */
export function asObject(value: unknown): JsonObject {
  return isObject(value) ? value : {}
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Parses text; what is not a JSON object reads as an empty one. Throws `SyntaxError` on text that is no JSON. */
export function parseObject(text: string): JsonObject {
  return asObject(text.trim() === '' ? {} : JSON.parse(text))
}

export function text(object: JsonObject, key: string): string | undefined {
  const value = object[key]
  return typeof value === 'string' ? value : undefined
}

export function list(object: JsonObject, key: string): readonly unknown[] {
  const value = object[key]
  return Array.isArray(value) ? value : []
}
