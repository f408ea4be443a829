/** A custom API needs no code: from what its connection says an adapter of its own is made, named like the connection. */

import type { Adapter, FailureRule } from '#contract'
import type { Complaints } from './complaints.ts'
import { type ConnectionFields, CUSTOM } from './connection-fields.ts'
import { credentialOf } from './credentials.ts'
import { itemsOf, type Surroundings } from './draft.ts'
import type { Decoded } from './fields.ts'
import { readOperations } from './operations.ts'
import { childOf, entryOf, type Node } from './yaml.ts'

type Failures = NonNullable<Decoded<ConnectionFields>['failures']>

/** What adapters/custom.ts says holds for all of them: category, quota, failures where the file names none. */
export function customAdapter(values: Decoded<ConnectionFields>, name: string, node: Node, { complaints, adapters }: Surroundings): Adapter {
  const common = adapters.get(CUSTOM)
  for (const [setting, form] of NEEDED) {
    if (entryOf(node, setting) === undefined) complaints.missing(node, `missing setting ${setting} of custom API ${name}; expected ${form}`)
  }
  const failures = childOf(node, 'failures')
  return {
    name,
    title: name,
    category: common?.category ?? 'Custom',
    // Where it is called is no page to read, and nobody's business but the owner's.
    docs: common?.docs ?? '',
    baseUrl: values.base_url?.replace(/\/+$/, ''),
    credential: credentialOf({ values, node }, complaints) ?? { in: 'none' },
    quota: common?.quota ?? { unit: 'call', resets: 'billing-day' },
    terms: common?.terms ?? { source: "the owner's contract with the provider", checked: '' },
    operations: readOperations(values.operations ?? [], itemsOf({ node }, 'operations'), undefined, complaints),
    failures: failures === undefined ? (common?.failures ?? []) : readFailures(values.failures ?? [], failures, complaints),
  }
}

const NEEDED = [
  ['base_url', 'a URL such as https://api.acme.example/v1'],
  ['credential', '{ in: header, name: X-Key }, or { in: none }'],
  ['operations', '[{ id: search, method: GET, path: /search, units: 2 }]'],
] as const

function readFailures(written: Failures, node: Node, complaints: Complaints): FailureRule[] {
  const rules: FailureRule[] = []
  for (const [index, rule] of written.entries()) {
    const place = node.kind === 'list' ? (node.items[index] as Node) : node
    if (rule?.status === undefined || rule.means === undefined) continue
    const bodyHas = rule.body_has ?? rule.bodyHas
    if (rule.status === '2xx' && bodyHas === undefined)
      complaints.error(place, 'a rule for 2xx without body_has makes every success a failure; expected body_has: text')
    rules.push({
      status: rule.status,
      means: rule.means,
      bills: rule.bills ?? true,
      ...(bodyHas !== undefined && { bodyHas }),
      ...(rule.sample !== undefined && { sample: rule.sample }),
    })
  }
  return rules
}
