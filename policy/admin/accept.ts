export const YAML_TYPES = ['application/yaml', 'text/yaml', 'application/x-yaml', 'text/x-yaml'] as const

/** Whether an Accept header would rather have YAML (RFC 9512) than JSON; JSON where it does not care. */
export function prefersYaml(accept: string | undefined): boolean {
  let yaml = 0
  let json = 0
  for (const part of (accept ?? '').toLowerCase().split(',')) {
    const [type = '', ...parameters] = part.split(';').map((piece) => piece.trim())
    const told = parameters.find((parameter) => parameter.startsWith('q='))
    const quality = told === undefined ? 1 : Number(told.slice(2)) || 0
    if (YAML_TYPES.some((known) => known === type)) yaml = Math.max(yaml, quality)
    else if (type === 'application/json' || type === 'application/*' || type === '*/*') json = Math.max(json, quality)
  }
  return yaml > 0 && yaml >= json
}
