/** What an operation is called where only letters, digits, `_` and `-` go: as a tool of MCP and as an operationId of OpenAPI. */
import { sha256 } from '#contract'
import type { Entry } from '../../engine/catalogue.ts'
import type { Generation, LiveRoute } from '../../engine/index.ts'

export interface NamedOperation {
  readonly name: string
  readonly route: LiveRoute
  readonly entry: Entry
}

/** The most that clients and models take. */
const LONGEST = 64

const made = new WeakMap<Generation, ReadonlyMap<string, NamedOperation>>()

/** Of a generation, by name, in the order of the catalogue; also those that are not for sale, which an owner may call. */
export function operationsOf(generation: Generation): ReadonlyMap<string, NamedOperation> {
  let named = made.get(generation)
  if (named === undefined) {
    named = namedIn(generation)
    made.set(generation, named)
  }
  return named
}

function namedIn(generation: Generation): ReadonlyMap<string, NamedOperation> {
  const named = new Map<string, NamedOperation>()
  for (const route of generation.routes)
    for (const entry of route.catalogue.entries) {
      const whole = `${route.api}_${entry.operation.id}`
      let name = whole.replace(/[^A-Za-z0-9_-]/g, '_')
      if (name.length > LONGEST || named.has(name)) name = `${name.slice(0, LONGEST - 9)}_${sha256(whole).slice(0, 8)}`
      named.set(name, { name, route, entry })
    }
  return named
}
