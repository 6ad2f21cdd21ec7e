/** The policy document: its schema, its types, and the ways to read and write it. */
export { MAX_RULES, PolicySchema, RuleSchema } from './schema.ts'
export type { Policy, Rule, When } from './schema.ts'
export { parsePolicy, parseRule } from './parse.ts'
export { parsePolicyYaml, ruleToYaml, toYaml } from './yaml.ts'
