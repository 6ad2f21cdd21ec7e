import { stringify } from 'yaml'
import { SluiceError } from './errors.ts'
import { invalid, parsePolicy } from './parse.ts'
import type { Policy, Rule } from './schema.ts'
import { readYaml } from './yaml-document.ts'

/**
 * Reads a policy from YAML 1.2. `sourceName` names the document in errors; faults carry `line:column` in it.
 * Throws as `parsePolicy` does, and `policy.invalid` for text that is not YAML, has a key twice, is longer than
 * 1 MiB, holds several documents or custom tags.
 */
export function parsePolicyYaml(text: string, sourceName: string): Policy {
  const { value, placed } = readYaml(text, faults => invalid(faults, 'policy.invalid', sourceName))
  try {
    return parsePolicy(value)
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error
    const code = error.code === 'policy.duplicate-rule' ? error.code : 'policy.invalid'
    throw invalid(error.faults.map(placed), code, sourceName)
  }
}

/** The policy as YAML, without what is the default anyway; `parsePolicyYaml` gives the same policy back. */
export function toYaml({ default: action, unknownTenant, rules }: Policy): string {
  return write({ default: action, unknownTenant, rules: rules.map(written) })
}

/** One rule as YAML, as it stands in `toYaml`. */
export function ruleToYaml(rule: Rule): string {
  return write(written(rule))
}

/** A rule without what is the default anyway, its keys in their order. */
export function written({ enabled, mode, when, ...rule }: Rule): object {
  return {
    id: rule.id,
    ...(rule.description === undefined ? {} : { description: rule.description }),
    ...(enabled ? {} : { enabled }),
    ...(mode === 'enforce' ? {} : { mode }),
    ...(rule.enforceFor === undefined ? {} : { enforceFor: rule.enforceFor }),
    ...(Object.keys(when).length === 0 ? {} : { when }),
    action: rule.action,
    ...(rule.coach === undefined ? {} : { coach: rule.coach }),
    ...(rule.message === undefined ? {} : { message: rule.message }),
  }
}

function write(value: object): string {
  return stringify(value, { aliasDuplicateObjects: false, lineWidth: 0 })
}
