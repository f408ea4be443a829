/**
 * Mistakes of owners with money, terms and quota: what no start stops at, and what nobody should be surprised by. One judgement for `check`,
 * `enable`, `status` and `estimate`; each sentence names the setting that it is about.
 */
import { type Adapter, type Operation, type OperationRequest, mostUnits } from './adapter.ts'
import { type Connection, mayResell } from './connection.ts'
import { CREDENTIAL_DAYS } from './vault.ts'
import { compareRatios, dollars, parseUsd, type Ratio, ratio, times, type Usd } from './money.ts'

export interface Unwise {
  readonly about: 'reserved' | 'markup' | 'monthly_quota' | 'resale_terms' | 'api_key'
  readonly sentence: string
}

const HIGH_MARKUP = ratio(4n, 1n)
const DAY_MS = 86_400_000

export function unwise(connection: Connection, adapter: Adapter, nowMs: number): readonly Unwise[] {
  const { name, owner, quota, reserved, markup } = connection
  const found: Unwise[] = []
  if (reserved === 0)
    found.push({ about: 'reserved', sentence: `reserved 0 keeps nothing of ${name} for ${owner}'s own calls; all ${quota} units are for sale` })
  if (compareRatios(markup, HIGH_MARKUP) > 0)
    found.push({ about: 'markup', sentence: `markup ${factor(markup)} of ${name} is over 4x; buyers usually accept 2x to 4x` })
  const [least, most] = adapter.quota.typical ?? [0, Infinity]
  if (quota < least || quota > most)
    found.push({ about: 'monthly_quota', sentence: `monthly_quota ${quota} of ${name} is outside what ${adapter.title} usually sells, ${least} to ${most}` })
  return [...found, ...termsOf(connection, adapter), ...pricesOf(connection, adapter), ...ageOf(connection, nowMs)]
}

/** `4.5x`; what is no short decimal is cut. */
function factor({ num, den }: Ratio): string {
  const thousandths = ((num * 1000n) / den) % 1000n
  const places = thousandths === 0n ? '' : `.${thousandths.toString().padStart(3, '0').replace(/0+$/, '')}`
  return `${num / den}${places}x`
}

const operationsOf = ({ operations }: Connection, adapter: Adapter): readonly Operation[] => [
  ...adapter.operations,
  ...operations.filter(({ id }) => !adapter.operations.some((one) => one.id === id)),
]

function termsOf(connection: Connection, adapter: Adapter): readonly Unwise[] {
  const operations = operationsOf(connection, adapter)
  const closed = operations.filter(({ resale }) => !mayResell(resale, connection.terms))
  if (closed.length === 0) return []
  const remedies = [
    closed.some(({ resale }) => resale === 'ask') ? 'resale_terms: confirmed, if the terms allow it' : undefined,
    closed.some(({ resale }) => resale === 'forbidden') ? 'resale_terms: agreement:REF, with a written agreement' : undefined,
  ].filter((remedy) => remedy !== undefined)
  const part = `${closed.length} of ${operations.length} operations of ${connection.name} ${closed.length === 1 ? 'is' : 'are'}`
  const sentence = `${part} not sold by the terms of ${adapter.title}: ${some(closed.map(({ id }) => id))}; sold with ${remedies.join('; with ')}`
  return [{ about: 'resale_terms', sentence }]
}

export const some = (texts: readonly string[]): string => (texts.length > 3 ? `${texts.slice(0, 3).join(', ')} and ${texts.length - 3} more` : texts.join(', '))

function pricesOf(connection: Connection, adapter: Adapter): readonly Unwise[] {
  const dearer = besideOwn(connection, adapter).filter(({ price, own }) => price > own)
  if (dearer.length === 0) return []
  const figures = some(dearer.map(({ operation, price, own }) => `${operation} ${dollars(price)} against ${dollars(own)}`))
  return [{ about: 'markup', sentence: `${connection.name} asks more than ${adapter.title} itself asks by the call: ${figures}` }]
}

/** One call's price beside what the provider itself asks for it, of each operation that is sold and has both. */
export interface BesideOwn {
  readonly operation: string
  readonly price: Usd
  readonly own: Usd
}

export const besideOwn = (connection: Pick<Connection, 'prices' | 'unitPrice' | 'terms' | 'operations'>, adapter: Adapter): readonly BesideOwn[] =>
  operationsOf(connection as Connection, adapter).flatMap((operation) => {
    const own = operation.ownPriceUsd === undefined ? undefined : parseUsd(operation.ownPriceUsd)
    const price = own === undefined || !mayResell(operation.resale, connection.terms) ? undefined : priceOf(operation, connection)
    return own === undefined || price === undefined ? [] : [{ operation: operation.id, price, own }]
  })

/** Price of one call; where its units depend on the request, of the adapter's example. Undefined where that cannot be known. */
function priceOf(operation: Operation, { prices, unitPrice }: Pick<Connection, 'prices' | 'unitPrice'>): Usd | undefined {
  const { id, units, example } = operation
  const fixed = prices.get(id)
  if (fixed !== undefined) return fixed
  if (example === undefined && typeof units !== 'number') return undefined
  const { params = {}, query = {}, body } = example ?? {}
  const request: OperationRequest = { params, query, queryAll: new Map(Object.entries(query).map(([name, value]) => [name, [value]])), body }
  try {
    return times(unitPrice, mostUnits(operation, request))
  } catch {
    // An adapter whose example does not fit its own rule is found by the adapters' tests, not here.
    return undefined
  }
}

/** Of a credential from the environment nobody knows. */
function ageOf({ name, credentialAddedAtMs, vaultEntry = name }: Connection, nowMs: number): readonly Unwise[] {
  const days = credentialAddedAtMs === undefined ? 0 : Math.floor((nowMs - credentialAddedAtMs) / DAY_MS)
  if (days <= CREDENTIAL_DAYS) return []
  return [
    {
      about: 'api_key',
      sentence: `the credential of ${name} is ${days} days old; expected a new one every ${CREDENTIAL_DAYS}: atlas connection rotate ${vaultEntry}`,
    },
  ]
}
