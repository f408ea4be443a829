/** What never stops a start but should not surprise its owner: mistakes with money, terms and quota. */

import { CREDENTIAL_DAYS, type Connection, compareRatios, dollars, mayResell, type Operation, parseUsd, ratio, times, type Units, type Usd } from '#contract'
import type { Complaints } from './complaints.ts'
import type { Subscription } from './connections.ts'
import { placeOf, textOf } from './draft.ts'

export function warn({ draft, connection, adapter }: Subscription, nowMs: number, complaints: Complaints): void {
  const { name, quota, reserved, markup } = connection
  if (reserved === 0)
    complaints.warn(placeOf(draft, 'reserved'), `reserved 0 keeps nothing of ${name} for ${connection.owner}'s own calls; all ${quota} units are for sale`)
  if (compareRatios(markup, ratio(4n, 1n)) > 0)
    complaints.warn(placeOf(draft, 'markup'), `markup ${textOf(draft, 'markup')} of ${name} is over 4x; buyers usually accept 2x to 4x`)
  const [least, most] = adapter.quota.typical ?? [0, Infinity]
  if (quota < least || quota > most)
    complaints.warn(placeOf(draft, 'monthly_quota'), `monthly_quota ${quota} of ${name} is outside what ${adapter.title} usually sells, ${least} to ${most}`)
  const operations = [...adapter.operations, ...connection.operations]
  warnAge({ draft, connection, adapter }, nowMs, complaints)
  warnTerms({ draft, connection, adapter }, operations, complaints)
  warnPrices({ draft, connection, adapter }, operations, complaints)
}

type Seen = Pick<Subscription, 'draft' | 'connection' | 'adapter'>

const DAY_MS = 86_400_000

/** Of a credential from the environment nobody knows. */
function warnAge({ draft, connection }: Seen, nowMs: number, complaints: Complaints): void {
  const { credentialAddedAtMs: addedAtMs, vaultEntry } = connection
  const days = addedAtMs === undefined ? 0 : Math.floor((nowMs - addedAtMs) / DAY_MS)
  if (days > CREDENTIAL_DAYS)
    complaints.warn(
      placeOf(draft, 'api_key'),
      `the credential of ${connection.name} is ${days} days old; expected a new one every ${CREDENTIAL_DAYS}: atlas connection rotate ${vaultEntry}`,
    )
}

function warnTerms({ draft, connection, adapter }: Seen, operations: readonly Operation[], complaints: Complaints): void {
  const closed = operations.filter(({ resale }) => !mayResell(resale, connection.terms))
  const remedies = [
    closed.some(({ resale }) => resale === 'ask') ? 'resale_terms: confirmed, if the terms allow it' : undefined,
    closed.some(({ resale }) => resale === 'forbidden') ? 'resale_terms: agreement:REF, with a written agreement' : undefined,
  ].filter((remedy) => remedy !== undefined)
  if (closed.length > 0)
    complaints.warn(
      placeOf(draft, 'resale_terms'),
      `${count(closed.length, operations.length)} of ${connection.name} ${closed.length === 1 ? 'is' : 'are'} not sold by the terms of ${adapter.title}: ${some(closed.map(({ id }) => id))}; sold with ${remedies.join('; with ')}`,
    )
}

const count = (part: number, all: number): string => `${part} of ${all} operations`
const some = (texts: readonly string[]): string => (texts.length > 3 ? `${texts.slice(0, 3).join(', ')} and ${texts.length - 3} more` : texts.join(', '))

function warnPrices({ draft, connection, adapter }: Seen, operations: readonly Operation[], complaints: Complaints): void {
  const dearer = operations.flatMap((operation) => {
    const own = operation.ownPriceUsd === undefined ? undefined : parseUsd(operation.ownPriceUsd)
    const price = own === undefined || !mayResell(operation.resale, connection.terms) ? undefined : priceOf(operation, connection)
    return own !== undefined && price !== undefined && price > own ? [`${operation.id} ${dollars(price)} against ${dollars(own)}`] : []
  })
  if (dearer.length > 0)
    complaints.warn(placeOf(draft, 'markup'), `${connection.name} asks more than ${adapter.title} itself asks by the call: ${some(dearer)}`)
}

/** Price of one call; where its units depend on the request, of the adapter's example. Undefined where that cannot be known. */
function priceOf({ id, units, example }: Operation, { prices, unitPrice }: Connection): Usd | undefined {
  const fixed = prices.get(id)
  if (fixed !== undefined || typeof units === 'number') return fixed ?? times(unitPrice, units as Units)
  if (example === undefined) return undefined
  const query = example.query ?? {}
  const request = { params: example.params ?? {}, query, queryAll: new Map(Object.entries(query).map(([name, value]) => [name, [value]])), body: example.body }
  try {
    return times(unitPrice, (typeof units === 'function' ? units(request) : units.most(request)) as Units)
  } catch {
    // An adapter whose example does not fit its own rule is found by the adapters' tests, not here.
    return undefined
  }
}
