/** What a call costs, and who gets what of it: base cost × markup, rounded up to a micro-dollar; the platform's share rounded down. */
import { type Alternative, type Connection, definePlugin, type Operation, type Price, type Ratio, type Supply, times, type Units, type Usd } from '#contract'

type Of = 'revenue' | 'markup'

/** floor(price × share), or of what is above the base cost of these units; the owner gets the rest, so that the sum is the price. */
function platformShare(connection: Connection, share: Ratio, of: Of): Alternative['platformShare'] {
  const { baseCost } = connection
  return (charged, units) => {
    if (of === 'revenue') return ((charged * share.num) / share.den) as Usd
    const above = charged * baseCost.den - baseCost.num * BigInt(units)
    return (above <= 0n ? 0n : (above * share.num) / (share.den * baseCost.den)) as Usd
  }
}

function alternativeOf(connection: Connection, operation: Operation, units: Units, split: Alternative['platformShare']): Alternative {
  const fixed = connection.prices.get(operation.id)
  return {
    connection: connection.name,
    owner: connection.owner,
    units,
    price: fixed ?? times(connection.unitPrice, units),
    unitPrice: fixed === undefined ? connection.unitPrice : undefined,
    platformShare: split,
  }
}

const cheapestFirst = (a: Alternative, b: Alternative): number => (a.price < b.price ? -1 : a.price > b.price ? 1 : 0)

/** Prices of one set of connections by operation and units: the same few are asked for again and again. */
type Known = Map<string, Price>
const KNOWN = 10_000

export default definePlugin({
  name: 'markup-billing',
  describe: 'Prices in micro-dollars, and the split between owner and platform',
  gives: { price: ['supply'] },
  settings: {
    platform_share: { type: 'percent', default: '10%', describe: "The platform's part of each sale" },
    platform_share_of: { type: 'choice', of: ['revenue', 'markup'], default: 'revenue', describe: 'Of the whole price, or only of what is above base_cost' },
  },
  create: ({ platform_share, platform_share_of }) => {
    const splits = new WeakMap<Connection, Alternative['platformShare']>()
    const known = new WeakMap<Supply['connections'], Known>()
    const splitOf = (connection: Connection): Alternative['platformShare'] => {
      const split = splits.get(connection) ?? platformShare(connection, platform_share, platform_share_of)
      splits.set(connection, split)
      return split
    }
    return {
      facts: {
        price: ({ supply, operation }) => {
          let prices = known.get(supply.connections)
          if (prices === undefined || prices.size > KNOWN) {
            prices = new Map()
            known.set(supply.connections, prices)
          }
          const key = `${operation.id} ${supply.units}`
          let price = prices.get(key)
          if (price === undefined) {
            const alternatives = supply.connections.map((connection) => alternativeOf(connection, operation, supply.units, splitOf(connection)))
            price = { alternatives: alternatives.sort(cheapestFirst) }
            prices.set(key, price)
          }
          return price
        },
      },
    }
  },
})
