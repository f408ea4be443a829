/**
 * GET /.well-known/x402: what can be paid for here. `version` and `resources` as URLs: x402scan, Discovery; `x402Version`, `kind`
 * and that an entry is a bare URL: extension discovery of x402 (draft). Amounts and addresses stand in the 402 alone, where they are always right.
 */
import type { Gateway } from '../../gateway.ts'
import { catalogueOf } from './catalogue.ts'
import { callOf } from './examples.ts'
import { HOW_TO_PAY } from './front.ts'

export function manifestOf(gateway: Gateway): Record<string, unknown> {
  const { origin } = gateway.ground
  const payable = catalogueOf(gateway).apis.filter(({ x402 }) => x402)
  const resources = new Set(payable.flatMap(({ operations }) => operations.map((operation) => callOf(origin, operation).url)))
  return {
    x402Version: 2,
    version: 1,
    kind: 'resource-server',
    name: 'atlas',
    description: 'Data APIs, call by call',
    resources: [...resources],
    instructions: `${HOW_TO_PAY.join(' ')} What each takes: ${origin}/openapi.json and ${origin}/llms.txt`,
    docs: `${origin}/`,
  }
}
