/** Unpaid and malformed calls without end: throttled, then blocked for a while, by address; never on this machine, never who only meets our own limits. */

import t from 'tap'
import { type Answer, BALANCE, bearer, MovableClock, openGateway, OPEN_RATE, type Rig, sandbox, type Teardown, WALLET } from '../rig/gateway.ts'

interface Market extends Rig {
  readonly clock: MovableClock
}

const PAYMENT = { 'x402-payment': { pay_to: '0x209693Bc6afc0C5328bA36FaF03C514EF312287C' } }

/** This machine plays the proxy that says who the client is. */
async function open(t: Teardown, more: object = {}): Promise<Market> {
  const clock = new MovableClock()
  const plugins = ['auth', 'abuse-detect', OPEN_RATE, 'markup-billing', PAYMENT, 'quota-reserve']
  const rig = await openGateway(t, sandbox({ trusted_proxies: ['127.0.0.1', '10.0.0.0/8'], plugins, ...more }), { clock })
  return { ...rig, clock }
}

const from = (address: string): { 'x-forwarded-for': string } => ({ 'x-forwarded-for': address })
const unpaid = (market: Market, headers: Record<string, string>): Promise<Answer> => market.call('POST', BALANCE, { headers, body: WALLET })
const malformed = (market: Market, headers: Record<string, string>): Promise<Answer> => market.call('POST', '/nansen/../etc', { headers, body: WALLET })
const code = ({ status, text }: Answer): string => (status === 200 ? '200' : `${status} ${JSON.parse(text).code}`)

/** How many there were of each answer, many at once. */
async function flood(calls: number, ask: () => Promise<Answer>): Promise<Record<string, number>> {
  const seen: Record<string, number> = {}
  let started = 0
  const worker = async (): Promise<void> => {
    while (started < calls) {
      started += 1
      const what = code(await ask())
      seen[what] = (seen[what] ?? 0) + 1
    }
  }
  await Promise.all(Array.from({ length: 32 }, worker))
  return seen
}

const near = (t: Tap, found: number | undefined, wanted: number, what: string): void => {
  t.ok(found !== undefined && Math.abs(found - wanted) <= 40, `${what}: ${found}, about ${wanted}`)
}
type Tap = Pick<typeof t, 'ok'>

t.test('who does not pay is offered the price 600 times a minute, then throttled, above 3,000 blocked for a minute', async (t) => {
  const market = await open(t)
  const seen = await flood(3300, () => unpaid(market, from('198.51.100.7')))
  near(t, seen['402 payment_required'], 600, 'offered')
  near(t, seen['429 rate_limited'], 2400, 'throttled')
  near(t, seen['403 blocked'], 300, 'blocked')
  const blocked = await unpaid(market, from('198.51.100.7'))
  const wait = Number(blocked.headers['retry-after'])
  t.ok(wait > 0 && wait <= 60, `Retry-After ${wait}`)
  t.equal(code(await unpaid(market, from('198.51.100.8'))), '402 payment_required', 'another address is not meant')
  market.clock.aheadMs += wait * 1000
  t.equal(code(await unpaid(market, from('198.51.100.7'))), '429 rate_limited', 'no longer blocked, but not forgotten')
  market.clock.aheadMs += 120_000
  t.equal(code(await unpaid(market, from('198.51.100.7'))), '402 payment_required')
})

t.test('malformed requests count the same, and are told what is wrong with them all along', async (t) => {
  const market = await open(t)
  t.same(await flood(3100, () => malformed(market, from('198.51.100.7'))), { '400 bad_request': 3100 })
  t.equal(code(await unpaid(market, from('198.51.100.7'))), '403 blocked')
  const { key } = await market.key({ credits: '$5' })
  t.equal(code(await unpaid(market, { ...from('198.51.100.7'), ...bearer(key) })), '403 blocked')
  t.equal(code(await unpaid(market, { ...from('198.51.100.8'), ...bearer(key) })), '200')
})

t.test('whoever names a limit that no price meets pays as little, and counts as much', async (t) => {
  const market = await open(t)
  const seen = await flood(700, () => unpaid(market, { ...from('198.51.100.7'), 'x-atlas-max-price': '0' }))
  near(t, seen['402 price_above_max'], 600, 'refused')
  near(t, seen['429 rate_limited'], 100, 'throttled')
})

t.test('a guessed key counts for more', async (t) => {
  const market = await open(t)
  t.same(await flood(100, () => unpaid(market, { ...from('198.51.100.7'), ...bearer('atlas_guessed') })), { '401 unauthenticated': 100 })
  t.equal(code(await unpaid(market, from('198.51.100.7'))), '429 rate_limited')
})

t.test('what is no call is counted and turned away the same: buying credits, except for who shows a good key', async (t) => {
  const market = await open(t)
  const buy = (headers: Record<string, string>): Promise<Answer> => market.call('POST', '/credits', { headers, body: { amount: '$1' } })
  const seen = await flood(700, () => buy(from('198.51.100.7')))
  near(t, seen['402 payment_required'], 600, 'offered')
  near(t, seen['429 rate_limited'], 100, 'throttled')
  const { key } = await market.key({ credits: '$5' })
  t.equal(code(await buy({ ...from('198.51.100.7'), ...bearer(key) })), '402 payment_required')
  t.equal(code(await unpaid(market, from('198.51.100.7'))), '429 rate_limited')
})

t.test('this machine is never throttled by its address', async (t) => {
  const market = await open(t)
  t.same(await flood(3500, () => unpaid(market, {})), { '402 payment_required': 3500 })
  t.same(await flood(50, () => malformed(market, {})), { '400 bad_request': 50 })
})

t.test('what a consumer cannot help counts for nothing', async (t) => {
  const market = await open(t, { api_connections: [{ name: 'nansen', monthly_quota: 10_000, reserved: 10_000 }] })
  t.same(await flood(700, () => unpaid(market, from('198.51.100.7'))), { '503 sold_out': 700 })
})

t.test('only what a trusted proxy says of the address counts, and of that only the part that it added', async (t) => {
  const market = await open(t)
  const spoofed = [
    '203.0.113.1, 198.51.100.7',
    '127.0.0.1, 198.51.100.7',
    '203.0.113.2,198.51.100.7,10.1.2.3',
    '198.51.100.7:4711',
    'unknown, 198.51.100.7',
    '::ffff:198.51.100.7',
  ]
  let turn = 0
  const seen = await flood(660, () => unpaid(market, from(spoofed[turn++ % spoofed.length] as string)))
  near(t, seen['429 rate_limited'], 60, 'all of them are one address')
  const alone = await open(t, { trusted_proxies: [] })
  t.same(await flood(700, () => unpaid(alone, from('198.51.100.7'))), { '402 payment_required': 700 }, 'without trusted proxies nobody is believed')
})
