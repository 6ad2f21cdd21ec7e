import { readWeighted } from '../quality-values.ts'

export const YAML_TYPES = ['application/yaml', 'text/yaml', 'application/x-yaml', 'text/x-yaml'] as const

/** Whether an Accept header would rather have YAML (RFC 9512) than JSON; JSON where it does not care. */
export function prefersYaml(accept: string | undefined): boolean {
  let yaml = 0
  let json = 0
  for (const { value, weight } of readWeighted(accept ?? '')) {
    if (YAML_TYPES.some((known) => known === value)) yaml = Math.max(yaml, weight)
    else if (value === 'application/json' || value === 'application/*' || value === '*/*') json = Math.max(json, weight)
  }
  return yaml > 0 && yaml >= json
}
