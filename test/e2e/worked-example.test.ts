/** The contract's worked example through the running gateway: what is sold, who gets what of it, and where the selling ends. */

import t from 'tap'
import { atlas } from '../rig/atlas.ts'
import { type Answer, BALANCE, bearer, OPEN_RATE, openGateway, type Rig, sandbox, type Teardown, WALLET } from '../rig/gateway.ts'

const CONSUMERS = 4
const AT_ONCE = 12

const chain = (billing: object): object[] => [
  ...['auth', 'abuse-detect'].map((name) => ({ [name]: {} })),
  OPEN_RATE,
  { 'markup-billing': billing },
  { 'quota-reserve': {} },
]

const open = (t: Teardown, billing: object): Promise<Rig> => openGateway(t, sandbox({ plugins: chain(billing) }))

const ask = (rig: Rig, key: string): Promise<Answer> => rig.call('POST', BALANCE, { headers: bearer(key), body: WALLET })

/** So many calls, many at once, spread over the keys; how many there were of each answer. */
async function sell(rig: Rig, keys: readonly string[], calls: number): Promise<Record<string, number>> {
  const seen: Record<string, number> = {}
  let started = 0
  const worker = async (key: string): Promise<void> => {
    while (started < calls) {
      started += 1
      const { status, headers, text } = await ask(rig, key)
      const what = status === 200 ? `200 ${headers['x-atlas-price'] ?? 'free'}` : `${status} ${JSON.parse(text).code}`
      seen[what] = (seen[what] ?? 0) + 1
    }
  }
  await Promise.all(keys.flatMap((key) => Array.from({ length: AT_ONCE }, () => worker(key))))
  return seen
}

const consumers = (rig: Rig): Promise<string[]> => Promise.all(Array.from({ length: CONSUMERS }, async () => (await rig.key({ credits: '$400' })).key))

const reportOf = async (rig: Rig): Promise<Record<string, unknown>> => {
  const ran = await atlas(['report', '--json', '--config', rig.file], { env: { ADMIN_PORT: new URL(rig.adminUrl).port } })
  if (ran.status !== 0) throw new Error(ran.stderr)
  return ran.json
}

t.test('5,000 sold calls earn what the example says; 7,000 is the end of the selling, 10,000 of the owner’s own use', async (t) => {
  const rig = await open(t, { platform_share: '10%', platform_share_of: 'revenue' })
  const keys = await consumers(rig)
  t.same(await sell(rig, keys, 5000), { '200 $0.15': 5000 })
  const figures = { revenue: '750.00', owner_share: '675.00', platform_share: '75.00', subscription_cost: '500.00', net_profit: '175.00' }
  const report = await reportOf(rig)
  t.match(report, {
    month: new Date().toISOString().slice(0, 7),
    connections: [{ name: 'nansen', owner: 'operator', calls_sold: 5000, units_sold: 5000, own_units: 0, ...figures }],
    total: { calls_sold: 5000, units_sold: 5000, ...figures },
  })

  t.same(await sell(rig, keys, 2000), { '200 $0.15': 2000 })
  const refused = await ask(rig, keys[0] as string)
  t.equal(refused.status, 503)
  t.match(refused.json, { code: 'sold_out', status: 503 })
  const now = new Date()
  const untilNextMonth = (Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1) - now.getTime()) / 1000
  t.ok(Math.abs(Number(refused.headers['retry-after']) - untilNextMonth) < 30, `Retry-After ${refused.headers['retry-after']} of ${untilNextMonth}`)
  t.match((await rig.call('POST', BALANCE, { body: WALLET })).json, { code: 'sold_out' }, 'nothing is offered to who has not paid yet')

  const owner = (await rig.key({ owner: 'operator' })).key
  t.same(await sell(rig, [owner], 3001), { '200 free': 3000, '503 sold_out': 1 })
  t.match((await rig.office.marketplace.status()).connections[0], { sold_units: 7000, own_units: 3000, wasted_units: 0, units_left: 0, revenue: '1050.00' })
  const spent = await Promise.all(keys.map(async (key) => (await rig.call('GET', '/credits', { headers: bearer(key) })).json.balance as string))
  t.equal(spent.reduce((sum, balance) => sum + Number(balance), 0).toFixed(2), '550.00', 'the keys paid $1,050 of $1,600, to the cent')
})

t.test('a share of the markup leaves the base cost with the owner', async (t) => {
  const rig = await open(t, { platform_share: '10%', platform_share_of: 'markup' })
  t.same(await sell(rig, await consumers(rig), 5000), { '200 $0.15': 5000 })
  t.match((await reportOf(rig)).total, { revenue: '750.00', owner_share: '700.00', platform_share: '50.00', net_profit: '200.00' })
})
