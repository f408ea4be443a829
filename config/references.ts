/** `${NAME}` and `${NAME:-default}` in values. Resolved after the YAML is read, so that a value can never become structure. */

import type { Complaints } from './complaints.ts'
import type { Node, ScalarNode } from './yaml.ts'

export type Env = Readonly<Record<string, string | undefined>>

const REFERENCE = /\$\{([^}]*)\}?/g
const FORM = /^([A-Za-z_][A-Za-z0-9_]*)(?::-([\s\S]*))?$/

export function resolveReferences(root: Node, env: Env, complaints: Complaints): void {
  const seen = new Set<Node>()
  const walk = (node: Node): void => {
    if (seen.has(node)) return
    seen.add(node)
    if (node.kind === 'map') for (const { value } of node.entries.values()) walk(value)
    else if (node.kind === 'list') for (const item of node.items) walk(item)
    else if (typeof node.value === 'string' && node.value.includes('${')) resolve(node, env, complaints)
  }
  walk(root)
}

function resolve(node: ScalarNode, env: Env, complaints: Complaints): void {
  node.fromReference = true
  node.text = node.raw.replace(REFERENCE, (written: string, inner: string) => {
    const form = written.endsWith('}') ? FORM.exec(inner) : null
    if (form === null) {
      complaints.error(node, `${written} is no reference; expected \${NAME} or \${NAME:-default}`)
      return ''
    }
    const name = form[1] as string
    const value = Object.hasOwn(env, name) ? env[name] : undefined
    // As in a shell, `:-` also stands in for a variable that is set to nothing.
    if (value !== undefined && (value !== '' || form[2] === undefined)) {
      node.fromOutside = true
      return value
    }
    if (form[2] === undefined) complaints.error(node, `\${${name}} is not set in the environment; set ${name}, or write \${${name}:-default}`)
    return form[2] ?? ''
  })
  node.value = node.text
}
