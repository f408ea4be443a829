/** /metrics: what happened is what is counted, behind the admin token as the rest, and no label ever grows with those who call. */

import t from 'tap'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { payingFetch } from '../rig/client.ts'
import { BALANCE, bearer, OPEN_RATE, openGateway, type Rig, sandbox, WALLET } from '../rig/gateway.ts'
import { type MetricFamily, readMetrics, sumOf } from '../rig/metrics.ts'

const PAY_TO = '0x209693Bc6afc0C5328bA36FaF03C514EF312287C'
const plugins = ['auth', OPEN_RATE, 'markup-billing', { 'x402-payment': { pay_to: PAY_TO } }, 'quota-reserve']
const API = { api: 'nansen', operation: 'profiler-address-current-balance' }

async function scraped({ adminUrl }: Rig): Promise<{ text: string; families: Map<string, MetricFamily> }> {
  const response = await fetch(`${adminUrl}/metrics`)
  if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`)
  const text = await response.text()
  return { text, families: readMetrics(text) }
}

const seriesOf = (families: ReadonlyMap<string, MetricFamily>): number => [...families.values()].reduce((sum, { samples }) => sum + samples.length, 0)

t.test('calls, refusals, attempts and their durations are counted as they happened', async (t) => {
  const rig = await openGateway(t, sandbox({ plugins }))
  const { key } = await rig.key({ credits: '$10' })
  const call = (headers: Record<string, string>) => rig.call('POST', BALANCE, { headers, body: WALLET })
  for (let count = 0; count < 7; count += 1) t.equal((await call(bearer(key))).status, 200)
  for (let count = 0; count < 3; count += 1) t.equal((await call({})).status, 402)
  for (let count = 0; count < 2; count += 1) t.equal((await call(bearer('atlas_nothing'))).status, 401)
  const named = { ...bearer(key), 'idempotency-key': 'the-same-one-twice' }
  for (let count = 0; count < 2; count += 1) t.equal((await call(named)).status, 200)
  for (let count = 0; count < 4; count += 1) t.equal((await rig.call('GET', '/nowhere/at/all')).status, 404)
  const { families } = await scraped(rig)
  const calls = (labels: Record<string, string>): number => sumOf(families, 'atlas_calls_total', { ...API, ...labels })
  t.equal(calls({ outcome: 'charged' }), 8)
  t.equal(calls({ outcome: 'replayed' }), 1)
  t.equal(calls({ outcome: 'refused', code: 'payment_required' }), 3)
  t.equal(calls({ outcome: 'refused', code: 'unauthenticated' }), 2)
  t.equal(calls({}), 8 + 1 + 3 + 2, 'and nothing else')
  t.equal(sumOf(families, 'atlas_requests_refused_total', { code: 'unknown_route' }), 4)
  t.equal(sumOf(families, 'atlas_requests_refused_total'), 4)
  t.equal(sumOf(families, 'atlas_attempts_total', { connection: 'nansen', meaning: 'ok' }), 8)
  t.equal(sumOf(families, 'atlas_attempts_total'), 8)
  for (const name of ['atlas_call_duration_seconds', 'atlas_attempt_duration_seconds']) {
    t.equal(sumOf(families, `${name}_count`), 8)
    const buckets = families.get(name)?.samples.filter((one) => one.name.endsWith('_bucket')) ?? []
    const values = buckets.map(({ value }) => value)
    t.strictSame(
      values,
      values.toSorted((a, b) => a - b),
      'each bucket has those below it',
    )
    t.match(buckets.at(-1), { labels: { le: '+Inf' }, value: 8 })
  }
  const [status] = (await rig.office.marketplace.status()).connections as [Record<string, unknown>]
  t.match(status, { sold_units: 8, revenue: '1.20' })
  t.equal(sumOf(families, 'atlas_used_units', { use: 'sold' }), 8)
  t.equal(sumOf(families, 'atlas_units_left'), status.units_left)
  t.equal(sumOf(families, 'atlas_revenue_dollars'), 1.2)
  t.equal(sumOf(families, 'atlas_connection_state', { state: 'ok' }), 1)
  t.equal(sumOf(families, 'atlas_connection_state'), 1, 'one state at a time')
  t.equal(sumOf(families, 'atlas_calls_in_flight'), 0)
  t.ok(Math.abs(sumOf(families, 'process_start_time_seconds') - Date.now() / 1e3) < 600)
})

t.test('no consumer, key, wallet, address, credential or path is in it, and hundreds more of them add no series', async (t) => {
  const rig = await openGateway(
    t,
    sandbox({ plugins, api_connections: [{ name: 'nansen', api_key: 'a-real-credential', monthly_quota: 100_000, reserved: 3000 }] }),
  )
  const secrets: string[] = ['a-real-credential', PAY_TO, '127.0.0.1', WALLET.address]
  const round = async (size: number): Promise<void> => {
    for (let count = 0; count < size; count += 1) {
      const { id, key } = await rig.key({ credits: '$1' })
      secrets.push(id, key)
      await rig.call('POST', BALANCE, { headers: { ...bearer(key), 'user-agent': `agent-${id}` }, body: WALLET })
      await rig.call('POST', `/nowhere-${id}/x`, { headers: { host: `host-${id}` } })
    }
  }
  const privateKey = generatePrivateKey()
  const paid = await payingFetch({ privateKey })(rig.publicUrl + BALANCE, {
    ...{ method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(WALLET) },
  })
  t.equal(paid.status, 200)
  secrets.push(privateKeyToAccount(privateKey).address, String(paid.headers.get('x-atlas-receipt')))
  await round(2)
  const before = seriesOf((await scraped(rig)).families)
  await round(200)
  const { text, families } = await scraped(rig)
  t.equal(seriesOf(families), before)
  t.equal(sumOf(families, 'atlas_calls_total', { outcome: 'charged' }), 203)
  for (const secret of secrets) t.notOk(text.toLowerCase().includes(secret.toLowerCase()), secret)
  const known = ['api', 'operation', 'outcome', 'code', 'connection', 'meaning', 'use', 'state', 'facilitator', 'request', 'result', 'part', 'worker', 'le']
  const labels = new Set([...families.values()].flatMap(({ samples }) => samples.flatMap((one) => Object.keys(one.labels))))
  t.strictSame(
    [...labels].filter((label) => ![...known, 'version', 'mode', 'store', 'ledger'].includes(label)),
    [],
  )
})

t.test('it is behind the admin token, and what a page elsewhere cannot have it cannot have', async (t) => {
  const guarded = await openGateway(t, sandbox({ admin: { listen: '127.0.0.1:0', token: 'an-admin-token' } }))
  const status = async (rig: Rig, headers: Record<string, string>): Promise<number> => (await fetch(`${rig.adminUrl}/metrics`, { headers })).status
  t.equal(await status(guarded, {}), 401)
  t.equal(await status(guarded, { authorization: 'Bearer wrong' }), 401)
  t.equal(await status(guarded, { authorization: 'Bearer an-admin-token' }), 200)
  t.equal(await status(await openGateway(t, sandbox()), { origin: 'https://evil.example' }), 403)
  t.equal((await guarded.call('GET', '/metrics')).status, 404, 'and not on the public port')
})

t.test('a store that does not answer is shown as lost; the rest is there', async (t) => {
  const rig = await openGateway(t, sandbox({ plugins }))
  rig.gateway.ground.admin.counters = () => Promise.reject(new Error('the store is lost'))
  const { families } = await scraped(rig)
  t.strictSame(families.get('atlas_units_left')?.samples, [])
  t.equal(sumOf(families, 'atlas_attempts_total'), 0)
  t.ok(sumOf(families, 'process_resident_memory_bytes') > 1e6)
})
