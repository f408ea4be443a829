/** The checks of a connection before it goes on sale, from what its provider has shown and from the configuration: pure. */
import {
  type Adapter,
  besideOwn,
  type Connection,
  compareRatios,
  dollars,
  formatUsd,
  mayResell,
  type Probed,
  type Ratio,
  ratio,
  some,
  unreachable,
} from '#contract'
import type { Vetted } from '#contract'

export interface Check {
  readonly check: string
  readonly result: 'ok' | 'failed' | 'cannot be known here'
  readonly detail: string
}

export interface VettingOf {
  readonly connection: Connection
  readonly adapter: Adapter
  /** The others of its pool. */
  readonly others: readonly Connection[]
  /** Undefined where no provider can be asked. */
  readonly shown: Vetted | undefined
}

const HIGH_MARKUP = ratio(10n, 1n)

/** What live mode refuses unless it is accepted. */
export function risksOf({ name, reserved, markup }: Connection): readonly string[] {
  const risks: string[] = []
  if (reserved === 0) risks.push(`${name} keeps no reserve for its owner`)
  if (isHigh(markup)) risks.push(`${name} has a markup above 10x`)
  return risks
}

const isHigh = (markup: Ratio): boolean => compareRatios(markup, HIGH_MARKUP) > 0

const ok = (check: string, detail: string): Check => ({ check, result: 'ok', detail })
const failed = (check: string, detail: string): Check => ({ check, result: 'failed', detail })
const unknown = (check: string, detail: string): Check => ({ check, result: 'cannot be known here', detail })

export function checksOf(of: VettingOf): readonly Check[] {
  const { connection, adapter, others, shown } = of
  const { reserved, quota, unitPrice } = connection
  return [
    reserved > 0 ? ok('reserve', `${reserved} of ${quota} units`) : failed('reserve', `0 of ${quota} units: nothing is kept for the owner's own calls`),
    isHigh(connection.markup) ? failed('markup', 'above 10x') : ok('markup', `a unit sells at ${dollars(unitPrice)}`),
    termsCheck(connection, adapter),
    credentialCheck(connection, shown?.probe),
    latencyCheck(shown?.probe),
    quotaCheck(connection, adapter, shown),
    counterCheck(connection, adapter, shown),
    priceCheck(connection, adapter),
    poolCheck(connection, others),
  ]
}

/** Whether the owner's word is true nobody can see from here; which operations it opens is seen. */
function termsCheck({ terms, operations }: Connection, adapter: Adapter): Check {
  const all = [...adapter.operations, ...operations.filter(({ id }) => !adapter.operations.some((one) => one.id === id))]
  const sold = all.filter(({ resale }) => mayResell(resale, terms)).length
  const said = terms === 'unstated' ? 'the owner has stated nothing' : terms === 'confirmed' ? 'confirmed by the owner' : `agreement ${terms.agreement}`
  const detail = `${said}; ${sold} of ${all.length} operations are sold (${adapter.terms.source}, read ${adapter.terms.checked})`
  return sold === 0 ? failed('terms', detail) : ok('terms', detail)
}

const NOBODY = 'no provider can be asked from here'

function credentialCheck({ credential }: Pick<Connection, 'credential'>, probe: Probed | undefined): Check {
  const check = 'credential'
  if (probe === undefined) return unknown(check, NOBODY)
  if (probe.state === 'not-made') return unknown(check, `no probe was made: ${probe.why}`)
  const { operation, status, meaning } = probe
  const said = `${operation} answered ${status ?? 'nothing'}`
  switch (meaning) {
    case 'ok':
      return ok(check, credential.in === 'none' ? `none is needed; ${said}` : `accepted: ${said}; one call of the owner's own use`)
    case 'credential-refused':
      return failed(check, `the provider refuses it: ${said}`)
    case 'plan-lacks-it':
      return ok(check, `accepted, but the plan does not include ${operation}: ${said}`)
    case 'quota-exhausted':
      return ok(check, `accepted, but the quota is used up: ${said}`)
    case 'rate-limited':
      return unknown(check, `the provider limits calls at the moment: ${said}; enable it again later`)
    case 'bad-request':
    case 'not-found':
    case 'provider-down':
    case 'unknown':
    case 'timeout':
    case 'broken':
      return unknown(check, said)
    default:
      return unreachable(meaning)
  }
}

function latencyCheck(probe: Probed | undefined): Check {
  const check = 'latency'
  if (probe === undefined) return unknown(check, NOBODY)
  if (probe.state === 'not-made') return unknown(check, 'no probe was made')
  const { meaning, tookMs, operation } = probe
  if (meaning === 'timeout') return failed(check, `${operation} did not answer within ${tookMs} ms`)
  if (meaning === 'broken') return failed(check, `${operation} could not be reached, or broke off`)
  return meaning === 'provider-down' ? failed(check, `the provider failed after ${tookMs} ms`) : ok(check, `${operation} took ${tookMs} ms`)
}

/** Is there as much as the configuration says? Use outside of the gateway is no mistake as long as the reserve covers it. */
function quotaCheck({ quota, reserved }: Connection, { title }: Adapter, shown: Vetted | undefined): Check {
  const check = 'quota'
  if (shown?.probe.state === 'made' && shown.probe.meaning === 'quota-exhausted') return failed(check, 'the provider says that it is used up')
  if (shown === undefined) return unknown(check, NOBODY)
  const { remaining, external, tells } = shown
  if (remaining === undefined) return unknown(check, tells ? `${title} did not tell what is left` : `${title} does not tell what is left`)
  if (remaining > quota) return ok(check, `${remaining} units are left at the provider, more than the ${quota} of monthly_quota`)
  if (external === undefined || external === 0) return ok(check, `${quota} units, as stated`)
  const detail = `${external} of ${quota} units are used outside of the gateway, or are not there`
  return external > reserved
    ? failed(check, `${detail}: more than the ${reserved} that are reserved; lower monthly_quota, or wait for the next period`)
    : ok(check, detail)
}

function counterCheck({ quota }: Connection, { title }: Adapter, shown: Vetted | undefined): Check {
  const check = "provider's counter"
  if (shown === undefined) return unknown(check, NOBODY)
  if (shown.remaining === undefined) return unknown(check, shown.tells ? `${title} did not tell this time` : `${title} has none that is told`)
  return ok(check, `${Math.max(0, quota - shown.remaining)} used, ${shown.remaining} left`)
}

/** From what a unit costs its owner to what the provider itself asks: above it there is hardly a buyer, and that is said; it is the owner's choice. */
function priceCheck(connection: Connection, adapter: Adapter): Check {
  const { baseCost, unitPrice } = connection
  const base = `base cost ${dollars(costOf(baseCost))} a unit, asked ${dollars(unitPrice)}`
  const beside = besideOwn(connection, adapter)
  if (beside.length === 0) return ok('price', `${base}; ${adapter.title} is not known to sell these operations by the call`)
  const above = beside.filter(({ price, own }) => price > own)
  const figures = (list: typeof beside): string => some(list.map(({ operation, price, own }) => `${operation} ${dollars(price)} against ${dollars(own)}`))
  if (above.length === 0) return ok('price', `${base}; in between, up to what ${adapter.title} itself asks by the call: ${figures(beside)}`)
  return ok('price', `${base}; above what ${adapter.title} itself asks by the call: ${figures(above)}`)
}

/** In whole micro-dollars, rounded up. */
const costOf = ({ num, den }: Ratio): bigint => (num + den - 1n) / den

function poolCheck({ unitPrice }: Connection, others: readonly Connection[]): Check {
  const [first, ...rest] = others
  if (first === undefined) return ok('pool', 'no other connection sells this API')
  const cheapest = rest.reduce((best, one) => (one.unitPrice < best.unitPrice ? one : best), first)
  const place =
    cheapest.unitPrice < unitPrice ? 'it is chosen first' : cheapest.unitPrice === unitPrice ? 'whoever has more left is chosen' : 'this one is chosen first'
  return ok('pool', `the cheapest other one, ${cheapest.name}, asks $${formatUsd(cheapest.unitPrice)} a unit; ${place}`)
}
