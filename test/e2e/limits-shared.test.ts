/** Limits that consumers share or that outlive a gateway: fair use of a pool, caps of a day and a month, over restarts and over two gateways on one Redis. */

import t from 'tap'
import { type Answer, BALANCE, bearer, MovableClock, openGateway, type Rig, type RigOptions, sandbox, type Teardown, WALLET } from '../rig/gateway.ts'
import { RELATED } from '../rig/shop.ts'
import { startRedis } from '../rig/redis.ts'

const DAY_MS = 86_400_000
const OPEN = { per_consumer: '1000000/second', burst: 1_000_000 }
const PAYMENT = { 'x402-payment': { pay_to: '0x209693Bc6afc0C5328bA36FaF03C514EF312287C' } }
const FAIR = { ...OPEN, fair_use: { share: '30%', of: 'left', window: '1h' } }

/** 40 units for sale, each $0.15. */
const config = (limits: object, more: object = {}): object =>
  sandbox({
    api_connections: [{ name: 'nansen', monthly_quota: 50, reserved: 10, base_cost: '$0.05', markup: '3x', resale_terms: 'confirmed' }],
    plugins: ['auth', 'abuse-detect', { 'rate-limit': limits }, 'markup-billing', PAYMENT, 'quota-reserve'],
    trusted_proxies: ['127.0.0.1'],
    ...more,
  })

/** A clock at noon of the tenth of a month, ten years ahead: no turn is near. */
function noon(): MovableClock {
  const clock = new MovableClock()
  clock.aheadMs = Date.UTC(new Date().getUTCFullYear() + 10, 4, 10, 12) - Date.now()
  return clock
}

let names = 0

/** Under a name of its own, so that it can be sent again when the disk was too slow on a busy machine: it is one call all the same. */
async function ask(rig: Rig, key: string, path = BALANCE): Promise<Answer> {
  names += 1
  const headers = { ...bearer(key), 'idempotency-key': `call ${names}` }
  for (let turn = 1; ; turn += 1) {
    const answer = await rig.call('POST', path, { headers, body: WALLET })
    if (code(answer) !== '503 unavailable' || turn === 200) return answer
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
const code = ({ status, text }: Answer): string => (status === 200 ? '200' : `${status} ${JSON.parse(text).code}`)
const many = async (count: number, one: (index: number) => Promise<Answer>): Promise<readonly string[]> =>
  (await Promise.all(Array.from({ length: count }, (_, index) => one(index)))).map(code)
const good = (codes: readonly string[]): number => codes.filter((one) => one === '200').length
const open = (t: Teardown, limits: object, more: object = {}, options: RigOptions = {}): Promise<Rig> =>
  openGateway(t, config(limits, more), { clock: noon(), ...options })

t.test('two that contend get a share each; one who is alone gets everything', async (t) => {
  const rig = await open(t, FAIR)
  const keys = [await rig.key({ credits: '$100' }), await rig.key({ credits: '$100' })]
  for (const { key } of keys) t.equal(code(await ask(rig, key)), '200', 'both are there')
  const codes = await many(80, (index) => ask(rig, (keys[index % 2] as { key: string }).key))
  t.equal(good(codes), 22, 'of forty units two times 30 %: twelve each')
  t.same([...new Set(codes)].sort(), ['200', '429 rate_limited'])
  const refused = await ask(rig, keys[0]?.key as string)
  const wait = Number(refused.headers['retry-after'])
  t.ok(wait > 3_600 - 1 && wait <= 3_960, `Retry-After ${wait}: until his share frees up`)
  t.match(refused.json, { code: 'rate_limited', detail: /^more than 30% of the units of nansen within 3600 s/ })
  const alone = await open(t, FAIR)
  const { key } = await alone.key({ credits: '$100' })
  t.same(await many(42, () => ask(alone, key)).then((all) => [good(all), all.filter((one) => one === '503 sold_out').length]), [40, 2])
})

t.test('caps of a day and a month hold over restarts, and each ends in its turn', async (t) => {
  const clock = noon()
  const first = await open(t, { ...OPEN, spend_per_month: '$0.90' }, {}, { clock })
  const { key, id } = await first.key({ credits: '$100', capPerDay: '$0.45', capPerMonth: '$5' })
  t.same(await many(5, () => ask(first, key)).then(good), 3)
  await first.close(0)
  const second = await open(t, { ...OPEN, spend_per_month: '$0.90' }, {}, { clock, folder: first.folder })
  const today = await ask(second, key)
  t.match(today.json, { code: 'rate_limited', detail: 'the spending cap of $0.45 for this UTC day is reached' })
  t.ok(Math.abs(Number(today.headers['retry-after']) - DAY_MS / 2000) < 60, 'noon: twelve hours')
  clock.aheadMs += DAY_MS
  const rotated = await second.office.keys.rotate(id)
  t.equal(good(await many(5, () => ask(second, rotated.key))), 3, 'the key in its place has its caps, and what it spent this month')
  t.match((await second.office.keys.list()).keys[1], { cap_per_day: '0.45', cap_per_month: '5.00' })
  await second.close(0)
  clock.aheadMs += DAY_MS
  const third = await open(t, { ...OPEN, spend_per_month: '$0.90' }, {}, { clock, folder: first.folder })
  const month = await ask(third, rotated.key)
  t.match(month.json, { code: 'rate_limited', detail: 'the spending cap of $0.90 for this UTC month is reached' })
  const wait = (Date.UTC(new Date(clock.nowMs()).getUTCFullYear(), 5, 1) - clock.nowMs()) / 1000
  t.ok(Math.abs(Number(month.headers['retry-after']) - wait) < 60, 'the first of June')
  clock.aheadMs += wait * 1000
  t.equal(code(await ask(third, rotated.key)), '200')
})

t.test('two gateways on one Redis keep one share and one cap', async (t) => {
  const redis = await startRedis(t)
  const store = { driver: 'redis', url: redis.url, name: 'limits', durability: 'relaxed' }
  const limits = { ...FAIR, spend_per_day: '$3' }
  const pair = [await openGateway(t, config(limits, { store })), await openGateway(t, config(limits, { store }))] as const
  const [one, two] = pair
  const keys = [await one.key({ credits: '$100' }), await two.key({ credits: '$100', capPerMonth: '$0.60' })].map(({ key }) => key)
  const at = (index: number): Rig => pair[index % 2] as Rig
  // Both processes know both keys within a second.
  for (const key of keys) for (const rig of pair) while ((await ask(rig, key)).status === 401) await new Promise((resolve) => setTimeout(resolve, 5))
  const capped = await many(12, (index) => ask(at(index), keys[1] as string))
  t.equal(good(capped), 2, 'two before, and four are $0.60')
  const fair = await many(60, (index) => ask(at(index), keys[0] as string))
  t.equal(good(fair), 10, 'two before, and twelve are a share of forty')
  t.match(await ask(one, keys[0] as string), { headers: { 'retry-after': /^\d+$/ }, json: { code: 'rate_limited', detail: /of the units of nansen/ } })
})

t.test('a heavy operation has a tighter pace; who asks without paying has one by address, this machine none', async (t) => {
  const rig = await open(t, { ...OPEN, operations: { 'profiler-address-related-wallets': '2/minute' }, per_address: '5/minute' }, {})
  const { key } = await rig.key({ credits: '$100' })
  t.same(await many(5, () => ask(rig, key, RELATED)).then(good), 2)
  t.same(await many(5, () => ask(rig, key)).then(good), 5)
  const from = (address: string): Promise<Answer> => rig.call('POST', BALANCE, { headers: { 'x-forwarded-for': address }, body: WALLET })
  const codes = await many(20, () => from('198.51.100.9'))
  t.same([codes.filter((one) => one === '402 payment_required').length, codes.filter((one) => one === '429 rate_limited').length], [5, 15])
  t.match((await from('198.51.100.9')).headers, { 'retry-after': /^1[0-2]$/ })
  t.equal(code(await from('198.51.100.10')), '402 payment_required')
  t.same([...new Set(await many(20, () => rig.call('POST', BALANCE, { body: WALLET })))], ['402 payment_required'])
})
