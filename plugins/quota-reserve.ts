/** What could serve the call, and the claim of quota and money in one: the reserve is never sold. */
import {
  accountOf,
  type Call,
  type Claim,
  type Connection,
  definePlugin,
  mayResell,
  mostUnits,
  type Operation,
  payerOf,
  type Refusal,
  refuse,
  type Supply,
} from '#contract'

/** Of the key; plugins may set others beside. */
function capsOf(consumer: Extract<Call['consumer'], { kind: 'key' }>): Claim[] {
  const cap = { kind: 'spend', key: accountOf(consumer), of: 'consumer' } as const
  const { capPerDay, capPerMonth } = consumer
  return [
    ...(capPerDay === undefined ? [] : [{ ...cap, limit: capPerDay, per: 'day' as const }]),
    ...(capPerMonth === undefined ? [] : [{ ...cap, limit: capPerMonth, per: 'month' as const }]),
  ]
}

type Pool = readonly Connection[]
/** What is computed once for an operation in a pool, under a word: `sale`, or an owner's name. */
type Known = WeakMap<Pool, Map<Operation, Map<string, Pool>>>

export default definePlugin({
  name: 'quota-reserve',
  describe: "The owner's reserve, the pool of connections, and who pays with what",
  needs: ['consumer', 'price', 'payment?'],
  gives: { supply: ['consumer'] },
  settings: {},
  create: () => {
    /** The same array for the same operation, so that prices can be remembered by it. */
    const known: Known = new WeakMap()
    const once = ({ operation, pool }: Call, word: string, compute: () => Pool): Pool => {
      const operations = known.get(pool) ?? new Map<Operation, Map<string, Pool>>()
      known.set(pool, operations)
      const words = operations.get(operation) ?? new Map<string, Pool>()
      operations.set(operation, words)
      const found = words.get(word) ?? compute()
      words.set(word, found)
      return found
    }
    const forSale = (call: Call): Pool => once(call, 'sale', () => call.pool.filter(({ terms }) => mayResell(call.operation.resale, terms)))
    const ownedBy = (call: Call, owner: string): Pool => once(call, `owner:${owner}`, () => call.pool.filter((connection) => connection.owner === owner))
    const supply = (call: Call): Supply => ({
      connections: call.consumer.kind === 'owner' ? ownedBy(call, call.consumer.owner) : forSale(call),
      units: mostUnits(call.operation, call.request),
    })
    const admit = (call: Call): readonly Claim[] | Refusal => {
      const { consumer } = call
      // What may not be sold is not in the catalogue either: it answers like what does not exist.
      if (consumer.kind !== 'owner' && call.supply.connections.length === 0) return refuse('unknown_operation', 'the API has no operation on sale at this path')
      const payer = payerOf(call)
      if (payer.by === 'nobody') return [{ kind: 'unpaid' }]
      const claim: Claim = { kind: 'supply', alternatives: call.price.alternatives, payer, maxPrice: call.maxPrice }
      if (consumer.kind !== 'key' || (consumer.capPerDay === undefined && consumer.capPerMonth === undefined)) return [claim]
      return [claim, ...capsOf(consumer)]
    }
    return { facts: { supply }, admit }
  },
})
