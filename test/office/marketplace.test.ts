/** What an owner is told before his connection goes on sale and while it is, from what is configured and what its provider has shown. */
import t from 'tap'
import { besideOwn, type EpochMs, type Probed, ratio, units, unwise, usd, type Vetted } from '#contract'
import { type Check, checksOf, type VettingOf } from '../../gateway/office/vetting.ts'
import { adapterOf, connectionOf, operationOf } from '../rig/acme.ts'

const adapter = adapterOf([operationOf('search', { ownPriceUsd: '0.05' }), operationOf('labels', { resale: 'forbidden' }), operationOf('plain')])
const made = (meaning: Exclude<Probed, { state: 'not-made' }>['meaning'], status: number | undefined = 200): Probed => ({
  ...{ state: 'made', operation: 'search', meaning, status, tookMs: 42 },
})
const shown = (probe: Probed, more: Partial<Vetted> = {}): Vetted => ({ probe, tells: true, remaining: undefined, external: undefined, ...more })
const of = (more: Partial<VettingOf> = {}): VettingOf => ({ connection: connectionOf('acme'), adapter, others: [], shown: shown(made('ok')), ...more })
const find = (which: string, more: Partial<VettingOf> = {}): Check => checksOf(of(more)).find(({ check }) => check === which) as Check

t.test('every check of the contract is made, each with what was found', (t) => {
  t.strictSame(
    checksOf(of()).map(({ check }) => check),
    ['reserve', 'markup', 'terms', 'credential', 'latency', 'quota', "provider's counter", 'price', 'pool'],
  )
  for (const { detail, result } of checksOf(of({ shown: undefined }))) t.ok(detail !== '' && result !== 'failed', detail)
  t.strictSame(
    checksOf(of({ shown: undefined }))
      .filter(({ result }) => result === 'cannot be known here')
      .map(({ check }) => check),
    ['credential', 'latency', 'quota', "provider's counter"],
  )
  t.end()
})

t.test('what a probe has shown of the credential, and how long it took', (t) => {
  for (const [probe, credential, latency] of [
    [made('ok'), 'ok', 'ok'],
    [made('credential-refused', 401), 'failed', 'ok'],
    [made('plan-lacks-it', 403), 'ok', 'ok'],
    [made('quota-exhausted', 403), 'ok', 'ok'],
    [made('rate-limited', 429), 'cannot be known here', 'ok'],
    [made('provider-down', 500), 'cannot be known here', 'failed'],
    [made('timeout', undefined), 'cannot be known here', 'failed'],
    [made('broken', undefined), 'cannot be known here', 'failed'],
    [made('unknown', 402), 'cannot be known here', 'ok'],
    [{ state: 'not-made', why: 'nothing is left' }, 'cannot be known here', 'cannot be known here'],
  ] as const) {
    t.equal(find('credential', { shown: shown(probe) }).result, credential, JSON.stringify(probe))
    t.equal(find('latency', { shown: shown(probe) }).result, latency)
  }
  t.match(find('latency').detail, 'search took 42 ms')
  t.end()
})

t.test('the quota is as stated while use outside fits into the reserve', (t) => {
  const quota = (remaining: number | undefined, external: number | undefined, probe = made('ok'), tells = true): Check =>
    find('quota', { shown: shown(probe, { remaining, external, tells }) })
  t.match(quota(1000, 0), { result: 'ok', detail: '1000 units, as stated' })
  t.match(quota(700, 300), { result: 'ok', detail: '300 of 1000 units are used outside of the gateway, or are not there' })
  t.match(quota(699, 301), { result: 'failed', detail: /more than the 300 that are reserved; lower monthly_quota/ })
  t.match(quota(2000, undefined), { result: 'ok', detail: /2000 units are left at the provider, more than the 1000/ })
  t.match(quota(undefined, undefined), { result: 'cannot be known here', detail: 'Acme did not tell what is left' })
  t.match(quota(undefined, undefined, made('ok'), false), { result: 'cannot be known here', detail: 'Acme does not tell what is left' })
  t.match(quota(undefined, undefined, made('quota-exhausted', 403)), { result: 'failed' })
  t.match(find("provider's counter", { shown: shown(made('ok'), { remaining: 900, external: 0 }) }), { result: 'ok', detail: '100 used, 900 left' })
  t.end()
})

t.test('reserve, markup and terms fail where nothing is kept, ten times is asked or nothing may be sold', (t) => {
  t.match(find('reserve', { connection: connectionOf('acme', { reserved: units(0) }) }), { result: 'failed' })
  t.match(find('markup', { connection: connectionOf('acme', { markup: ratio(11n, 1n) }) }), { result: 'failed' })
  t.match(find('markup', { connection: connectionOf('acme', { markup: ratio(10n, 1n) }) }), { result: 'ok' })
  t.match(find('terms'), { result: 'ok', detail: 'confirmed by the owner; 2 of 3 operations are sold (docs.acme.example/terms, read 2026-11-23)' })
  const asked = adapterOf([operationOf('search', { resale: 'ask' })])
  t.match(find('terms', { adapter: asked, connection: connectionOf('acme', { terms: 'unstated' }) }), { result: 'failed', detail: /0 of 1 operations/ })
  t.end()
})

t.test('the price stands in the band from base cost to the provider’s own, or above it, with both figures', (t) => {
  t.match(find('price').detail, 'base cost $0.05 a unit, asked $0.15; above what Acme itself asks by the call: search $0.15 against $0.05')
  const cheap = connectionOf('acme', { baseCost: ratio(10_000n, 1n) })
  t.match(
    find('price', { connection: cheap }).detail,
    'base cost $0.01 a unit, asked $0.03; in between, up to what Acme itself asks by the call: search $0.03 against $0.05',
  )
  t.match(find('price', { adapter: adapterOf([operationOf('plain')]) }).detail, /not known to sell these operations by the call/)
  t.same(besideOwn(cheap, adapter), [{ operation: 'search', price: usd('$0.03'), own: usd('$0.05') }])
  t.end()
})

t.test('the cheapest other connection of the pool is named, and which one is chosen first', (t) => {
  const others = [connectionOf('dear', { markup: ratio(4n, 1n) }), connectionOf('cheap', { markup: ratio(2n, 1n) })]
  t.match(find('pool', { others }).detail, 'the cheapest other one, cheap, asks $0.10 a unit; it is chosen first')
  t.match(find('pool', { others: others.slice(0, 1) }).detail, 'dear, asks $0.20 a unit; this one is chosen first')
  t.match(find('pool', { others: [connectionOf('same')] }).detail, /whoever has more left is chosen/)
  t.match(find('pool').detail, 'no other connection sells this API')
  t.end()
})

t.test('a credential older than 90 days is called old, one of unknown age is not', (t) => {
  const now = Date.UTC(2026, 10, 23)
  const at = (days: number) => connectionOf('acme', { credentialAddedAtMs: (now - days * 86_400_000) as EpochMs })
  const old = (days: number): readonly string[] => unwise(at(days), adapter, now).flatMap(({ about, sentence }) => (about === 'api_key' ? [sentence] : []))
  t.same(old(90), [])
  t.same(old(91), ['the credential of acme is 91 days old; expected a new one every 90: atlas connection rotate acme'])
  t.notOk(unwise(connectionOf('acme'), adapter, now).some(({ about }) => about === 'api_key'))
  t.end()
})
