/** The order of the chain is the operator's: it decides who may refuse first, and changes nothing else. One table of calls for every order. */

import { randomInt } from 'node:crypto'
import t from 'tap'
import { type Answer, BALANCE, bearer, openGateway, type Request, type Rig, sandbox, type Teardown, WALLET } from '../rig/gateway.ts'

const EARLY_PAYMENT = ['auth', 'x402-payment', 'quota-reserve', 'rate-limit', 'abuse-detect', 'markup-billing']
const DEFAULT = ['auth', 'abuse-detect', 'rate-limit', 'markup-billing', 'x402-payment', 'quota-reserve']

const SETTINGS: Readonly<Record<string, object>> = {
  'rate-limit': { per_consumer: '3/day', burst: 3 },
  'x402-payment': { pay_to: '0x209693Bc6afc0C5328bA36FaF03C514EF312287C' },
}

/** Four units are for sale, one more is the owner's. */
const openChain = (t: Teardown, order: readonly string[]): Promise<Rig> =>
  openGateway(
    t,
    sandbox({
      api_connections: [{ name: 'nansen', monthly_quota: 5, reserved: 1, base_cost: '$0.05' }],
      plugins: order.map((name) => ({ [name]: SETTINGS[name] ?? {} })),
    }),
  )

const FORBIDDEN = '/nansen/profiler/address/labels'
const GARBAGE = { 'payment-signature': 'no payment' }

type Keys = Readonly<Record<'rich' | 'poor' | 'capped' | 'other' | 'owner', string>>

const keysOf = async (rig: Rig): Promise<Keys> => ({
  rich: (await rig.key({ credits: '$10' })).key,
  poor: (await rig.key({ credits: '$0.149999' })).key,
  capped: (await rig.key({ credits: '$10', capPerDay: '$0.15' })).key,
  other: (await rig.key({ credits: '$10' })).key,
  owner: (await rig.key({ owner: 'operator' })).key,
})

interface Row {
  readonly what: string
  readonly path?: string
  readonly ask: (keys: Keys) => Request['headers']
  readonly body?: object
  readonly is: string
}

/** In this order: what is sold on the way decides what the later ones get. */
const table: readonly Row[] = [
  { what: 'nobody pays', ask: () => ({}), is: '402 payment_required 150000' },
  { what: 'a key that is unknown', ask: () => bearer('atlas_unknown'), is: '401 unauthenticated' },
  { what: 'a bad key beside a payment that is none', ask: () => ({ ...bearer('atlas_unknown'), ...GARBAGE }), is: '401 unauthenticated' },
  { what: 'a payment that is none', ask: () => GARBAGE, is: '400 bad_request' },
  { what: 'a payment that is none, with a good key', ask: ({ rich }) => ({ ...bearer(rich), ...GARBAGE }), is: '400 bad_request' },
  { what: 'a member that the operation does not list', ask: ({ rich }) => bearer(rich), body: { premium_labels: true }, is: '400 bad_request' },
  { what: 'what may not be sold', path: FORBIDDEN, ask: ({ rich }) => bearer(rich), is: '404 unknown_operation' },
  { what: 'what may not be sold, unpaid', path: FORBIDDEN, ask: () => ({}), is: '404 unknown_operation' },
  { what: 'too small a balance', ask: ({ poor }) => bearer(poor), is: '402 insufficient_credits 150000' },
  { what: 'a limit below the price', ask: ({ rich }) => ({ ...bearer(rich), 'x-atlas-max-price': '0.1' }), is: '402 price_above_max 150000' },
  { what: 'the first that is sold', ask: ({ capped }) => bearer(capped), is: '200 $0.15 left 2' },
  { what: 'over the cap of its key', ask: ({ capped }) => bearer(capped), is: '429 rate_limited' },
  { what: 'named', ask: ({ rich }) => ({ ...bearer(rich), 'idempotency-key': 'one' }), is: '200 $0.15 left 2' },
  { what: 'named, again', ask: ({ rich }) => ({ ...bearer(rich), 'idempotency-key': 'one' }), is: '200 $0.15 replayed' },
  {
    what: 'named, with another body',
    ask: ({ rich }) => ({ ...bearer(rich), 'idempotency-key': 'one' }),
    body: { hide_spam_token: true },
    is: '409 idempotency_conflict',
  },
  { what: 'the third that is sold', ask: ({ rich }) => bearer(rich), is: '200 $0.15 left 1' },
  { what: 'the last that is sold', ask: ({ rich }) => bearer(rich), is: '200 $0.15 left 0' },
  { what: 'over the pace of its consumer', ask: ({ rich }) => bearer(rich), is: '429 rate_limited' },
  { what: 'sold out', ask: ({ other }) => bearer(other), is: '503 sold_out' },
  { what: 'sold out, unpaid', ask: () => ({}), is: '503 sold_out' },
  {
    what: 'the owner, with what is not sold and a payment that is none',
    path: FORBIDDEN,
    ask: ({ owner }) => ({ ...bearer(owner), ...GARBAGE }),
    is: '503 sold_out',
  },
  { what: 'the owner', ask: ({ owner }) => ({ ...bearer(owner), ...GARBAGE }), is: '200 free' },
  { what: 'the owner, beyond the quota', ask: ({ owner }) => bearer(owner), is: '503 sold_out' },
]

function short({ status, headers, text }: Answer): string {
  if (status === 200 && headers['x-atlas-price'] === undefined) return '200 free'
  if (status === 200) {
    const left = /r=(\d+)/.exec(headers.ratelimit ?? '')?.[1]
    return `200 ${headers['x-atlas-price']} ${headers['x-atlas-replayed'] === 'true' ? 'replayed' : `left ${left}`}`
  }
  const { code, accepts } = JSON.parse(text) as { code: string; accepts?: { maxAmountRequired: string }[] }
  return [status, code, ...(accepts ?? []).map(({ maxAmountRequired }) => maxAmountRequired)].join(' ')
}

/** What the operator and the consumers see afterwards. */
async function books(rig: Rig, keys: Keys): Promise<object> {
  const { connections } = await rig.office.report(new Date().toISOString().slice(0, 7), undefined)
  const [status] = (await rig.office.marketplace.status()).connections
  const balances = Object.values(keys).map(async (key) => (await rig.call('GET', '/credits', { headers: bearer(key) })).json.balance)
  return { connections, left: status?.units_left, wasted: status?.wasted_units, balances: await Promise.all(balances) }
}

const EXPECTED = {
  connections: [{ name: 'nansen', calls_sold: 4, units_sold: 4, own_units: 1, revenue: '0.60', owner_share: '0.54', platform_share: '0.06' }],
  ...{ left: 0, wasted: 0, balances: ['9.55', '0.149999', '9.85', '10.00', '0.00'] },
}

const seed = randomInt(2 ** 31)

/** Fisher-Yates on a small generator (mulberry32), so that the seed tells the order. */
function shuffled(names: readonly string[], start: number): string[] {
  let state = start
  const next = (below: number): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
  const list = [...names]
  for (let at = list.length - 1; at > 0; at -= 1) {
    const other = next(at + 1)
    ;[list[at], list[other]] = [list[other] as string, list[at] as string]
  }
  return list
}

t.comment(`seed ${seed}`)
for (const [name, order] of Object.entries({
  'payment before quota and limits': EARLY_PAYMENT,
  'the default order': DEFAULT,
  'the default order backwards': [...DEFAULT].reverse(),
  [`the order of seed ${seed}`]: shuffled(DEFAULT, seed),
}))
  t.test(`${name} (${order.join(', ')}) gives the table's answers, prices and books`, async (t) => {
    const rig = await openChain(t, order)
    const keys = await keysOf(rig)
    for (const { what, path = BALANCE, ask, body = {}, is } of table) {
      const answer = await rig.call('POST', path, { headers: ask(keys) ?? {}, body: { ...WALLET, ...body } })
      t.equal(short(answer), is, what)
    }
    t.match(await books(rig, keys), EXPECTED)
  })
