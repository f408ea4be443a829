/** The gateway killed at each named point of the life of a call, before and after each write: the next start reaches the state that docs/CONSISTENCY.md names. */

import { randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { type Started, startAtlas } from '../rig/atlas.ts'
import { signedPayment } from '../rig/client.ts'
import { bearer, temporaryFolder, until, writeConfig } from '../rig/gateway.ts'
import { customConnection, type Provider, resetAfterHead, startProvider } from '../rig/provider.ts'
import { NAME, openMarket, shopConfig } from '../rig/shop.ts'
import type { Moment } from '../torture/fault.ts'

// Three at a time: most of each is the start of two gateways.
t.jobs = 3
const market = await openMarket(t)
const KEY = { 'idempotency-key': 'a-name-that-nobody-guesses' }
const FAULT = new URL('../torture/fault.js', import.meta.url).href

interface Got {
  readonly status: number
  readonly headers: Headers
  readonly code: unknown
}

/** A gateway that will be killed, its provider, and a consumer with $10. */
interface Stage {
  readonly file: string
  readonly provider: Provider
  readonly gateway: Started
  readonly key: string
  /** Who is paid, here alone. */
  readonly seller: string
}

async function open(t: Test, point: string): Promise<Stage> {
  const provider = await startProvider(t)
  const operations = [
    { id: 'read', method: 'GET', path: '/read', resale: 'allowed' },
    { id: 'write', method: 'POST', path: '/write', resale: 'allowed' },
    { id: 'feed', method: 'GET', path: '/feed', streaming: true, resale: 'allowed' },
  ]
  const acme = customConnection(provider.url, { name: 'acme', base_cost: '$0.05', markup: '3x', monthly_quota: 1_000, reserved: 300, operations })
  const seller = `0x${randomBytes(20).toString('hex')}`
  const there = { ...market, seller: { ...market.seller, address: seller } }
  const file = writeConfig(
    temporaryFolder(t),
    shopConfig(there as typeof market, { settleTimeout: '2s', change: (config) => ({ ...config, api_connections: [acme] }) }),
  )
  const gateway = await startAtlas(t, file, { env: { NODE_OPTIONS: `--import=${FAULT}`, ATLAS_TEST_FAULT: point } })
  const response = await fetch(`${gateway.adminUrl}/api/keys`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"credits":"$10"}' })
  const { key } = (await response.json()) as { key: string }
  return { file, provider, gateway, key, seller }
}

async function ask({ publicUrl }: Started, path: string, headers: Readonly<Record<string, string>>): Promise<Got> {
  const write = path === '/acme/write'
  const init = write ? { method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body: '{}' } : { headers }
  const response = await fetch(publicUrl + path, init)
  const text = await response.text()
  return { status: response.status, headers: response.headers, code: response.status === 200 ? undefined : (JSON.parse(text) as { code?: unknown }).code }
}

/** What is left after the next start. */
interface Left {
  readonly balance: string
  readonly sold: unknown
  readonly revenue: unknown
  /** Units used up without a sale, at most those of the call and of one lease. */
  readonly wasted: boolean
}

async function left({ adminUrl, publicUrl }: Started, key: string): Promise<Left> {
  const json = async (url: string, headers = {}): Promise<Record<string, unknown>> => (await fetch(url, { headers })).json() as Promise<Record<string, unknown>>
  const { connections } = (await json(`${adminUrl}/api/status`)) as { connections: Record<string, number>[] }
  const { total } = (await json(`${adminUrl}/api/report`)) as { total: Record<string, string> }
  const { balance } = await json(`${publicUrl}/credits`, bearer(key))
  const [one = {}] = connections
  return { balance: String(balance), sold: one.sold_units, revenue: total.revenue, wasted: (one.wasted_units ?? 0) > 0 }
}

async function killed(call: Promise<unknown>, { gateway }: Stage): Promise<void> {
  await call.then(
    (answer) => Promise.reject(new Error(`the call was answered: ${JSON.stringify(answer)}`)),
    () => undefined,
  )
  await gateway.stop()
}

/** A call paid by credits: what it is, and per moment what is left and what its retry gets. */
interface CreditsRow {
  readonly record: string
  readonly path: string
  readonly named: boolean
  readonly after: Readonly<Record<Moment, readonly [balance: string, retry: string, asked: number]>>
}

const NOT_CHARGED = ['10.00', '200', 2] as const
const rows: readonly CreditsRow[] = [
  { record: 'lease', path: '/acme/read', named: true, after: { before: ['10.00', '200', 1], written: ['10.00', '200', 1], synced: ['10.00', '200', 1] } },
  {
    record: 'charge',
    path: '/acme/read',
    named: true,
    after: { before: NOT_CHARGED, written: ['9.85', '200 replayed', 1], synced: ['9.85', '200 replayed', 1] },
  },
  { record: 'charge', path: '/acme/read', named: false, after: { before: NOT_CHARGED, written: ['9.85', '200', 2], synced: ['9.85', '200', 2] } },
  {
    record: 'charge',
    path: '/acme/write',
    named: true,
    after: { before: ['10.00', '409 replay_unavailable', 1], written: ['9.85', '200 replayed', 1], synced: ['9.85', '200 replayed', 1] },
  },
]

/** Between write and sync a killed process loses nothing, so that state is that of `synced`; `npm run faults` goes through all three. */
const MOMENTS: readonly Moment[] = process.env.ATLAS_TEST_LONG === '1' ? ['before', 'written', 'synced'] : ['before', 'synced']

for (const { record, path, named, after } of rows) {
  for (const moment of MOMENTS) {
    const [balance, retry, asked] = after[moment]
    t.test(`a ${named ? 'named' : 'nameless'} call of ${path}, killed at ${record}:${moment}: ${balance} is left, and its retry is ${retry}`, async (t) => {
      const stage = await open(t, `${record}:${moment}`)
      const headers = { ...bearer(stage.key), ...(named ? KEY : {}) }
      await killed(ask(stage.gateway, path, headers), stage)
      const next = await startAtlas(t, stage.file)
      const found = await left(next, stage.key)
      const charged = balance !== '10.00'
      t.match(found, { balance, sold: charged ? 1 : 0, revenue: charged ? '0.15' : '0.00' })
      const again = await ask(next, path, headers)
      t.equal(`${again.status} ${again.code ?? ''}${again.headers.has('x-atlas-replayed') ? 'replayed' : ''}`.trim(), retry)
      t.equal(stage.provider.seen.length, asked)
    })
  }
}

for (const moment of MOMENTS) {
  t.test(`a stream broken off by its provider, killed at refund:${moment}: ${moment === 'before' ? 'the charge stands' : 'the money is back'}`, async (t) => {
    const stage = await open(t, `refund:${moment}`)
    stage.provider.next(resetAfterHead)
    await killed(ask(stage.gateway, '/acme/feed', bearer(stage.key)), stage)
    const next = await startAtlas(t, stage.file)
    t.equal((await left(next, stage.key)).balance, moment === 'before' ? '9.85' : '10.00')
  })

  t.test(
    `a paid call killed at intent:${moment}: ${moment === 'before' ? 'the payment is unused' : 'pending, then its answer'}; the money moves once`,
    async (t) => {
      const stage = await open(t, `intent:${moment}`)
      const offer = (await ask(stage.gateway, '/acme/read', {})).headers.get('payment-required') ?? ''
      const payment = { [NAME]: await signedPayment(offer, market.buyer.privateKey) }
      const before = await market.chain.balanceOf(stage.seller as typeof market.seller.address)
      await killed(ask(stage.gateway, '/acme/read', payment), stage)
      const next = await startAtlas(t, stage.file)
      t.equal((await left(next, stage.key)).sold, 0)
      let last: Got | undefined
      const answered = async (): Promise<boolean> => {
        last = await ask(next, '/acme/read', payment)
        return last.status === 200
      }
      await until('the call is answered', answered, 20_000)
      t.equal(last?.headers.has('x-atlas-replayed'), moment !== 'before')
      t.equal(stage.provider.seen.length, moment === 'before' ? 2 : 1)
      t.equal((await market.chain.balanceOf(stage.seller as typeof market.seller.address)) - before, 150_000n)
      t.match(await left(next, stage.key), { sold: 1, revenue: '0.15' })
    },
  )

  t.test(`a paid call killed at settled:${moment}: the payment fetches its answer, and the money has moved once`, async (t) => {
    const stage = await open(t, `settled:${moment}`)
    const offer = (await ask(stage.gateway, '/acme/read', {})).headers.get('payment-required') ?? ''
    const payment = { [NAME]: await signedPayment(offer, market.buyer.privateKey) }
    const before = await market.chain.balanceOf(stage.seller as typeof market.seller.address)
    await killed(ask(stage.gateway, '/acme/read', payment), stage)
    t.equal((await market.chain.balanceOf(stage.seller as typeof market.seller.address)) - before, 150_000n, 'it had moved')
    const next = await startAtlas(t, stage.file)
    const again = await ask(next, '/acme/read', payment)
    if (moment === 'before') t.match(again, { status: 503, code: 'payment_pending' }, 'until the facilitator says what became of it')
    else t.ok(again.status === 200 && again.headers.has('x-atlas-replayed'))
    t.equal(stage.provider.seen.length, 1)
    t.equal((await market.chain.balanceOf(stage.seller as typeof market.seller.address)) - before, 150_000n)
  })
}

t.test('a connection that was taken off sale before the kill is off sale after it', async (t) => {
  const stage = await open(t, 'enable:synced')
  const headers = { 'content-type': 'application/json' }
  await killed(fetch(`${stage.gateway.adminUrl}/api/disable`, { method: 'POST', headers, body: '{"names":["acme"]}' }), stage)
  const next = await startAtlas(t, stage.file)
  t.match(await ask(next, '/acme/read', bearer(stage.key)), { status: 503, code: 'sold_out' })
  t.equal(stage.provider.seen.length, 0)
})
