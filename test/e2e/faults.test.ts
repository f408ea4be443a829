/** The gateway killed at each named point of the life of a call, before and after each write: the next start reaches the state that docs/CONSISTENCY.md names. */

import t from 'tap'
import { startAtlas } from '../rig/atlas.ts'
import { signedPayment } from '../rig/client.ts'
import { bearer, until } from '../rig/gateway.ts'
import { resetAfterHead } from '../rig/provider.ts'
import { NAME, openMarket } from '../rig/shop.ts'
import { ask, type Got, KEY, killed, left, openStage } from '../rig/stage.ts'
import type { Moment } from '../torture/fault.ts'

// Three at a time: most of each is the start of two gateways.
t.jobs = 3
const market = await openMarket(t)
/** The facilitator does not settle for them, and says so. */
const refusedSellers = new Set<string>()
const REFUSED = { work: false, status: 200, body: '{"success":false,"errorReason":"insufficient_funds","transaction":"","network":"eip155:84532"}' }
market.facilitator.misbehave((path, { body }) =>
  path === '/settle' && refusedSellers.has((body.paymentRequirements as { payTo: string }).payTo.toLowerCase()) ? REFUSED : undefined,
)
/** A call paid by credits: what it is, and per moment what is left and what its retry gets. */
interface CreditsRow {
  readonly record: string
  readonly path: string
  readonly named: boolean
  readonly after: Readonly<Record<Moment, readonly [balance: string, retry: string, asked: number | undefined]>>
}

const NOT_CHARGED = ['10.00', '200', 2] as const
const rows: readonly CreditsRow[] = [
  { record: 'lease', path: '/acme/read', named: true, after: { before: ['10.00', '200', 1], written: ['10.00', '200', 1], synced: ['10.00', '200', 1] } },
  // The name is written while the provider is asked: whether it heard of the call is a matter of luck.
  {
    record: 'name',
    path: '/acme/write',
    named: true,
    after: {
      before: ['10.00', '200', undefined],
      written: ['10.00', '409 replay_unavailable', undefined],
      synced: ['10.00', '409 replay_unavailable', undefined],
    },
  },
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
      const stage = await openStage(t, market, `${record}:${moment}`)
      const headers = { ...bearer(stage.key), ...(named ? KEY : {}) }
      await killed(ask(stage.gateway, path, headers), stage)
      const next = await startAtlas(t, stage.file)
      const found = await left(next, stage.key)
      const charged = balance !== '10.00'
      t.match(found, { balance, sold: charged ? 1 : 0, revenue: charged ? '0.15' : '0.00' })
      const again = await ask(next, path, headers)
      t.equal(`${again.status} ${again.code ?? ''}${again.headers.has('x-atlas-replayed') ? 'replayed' : ''}`.trim(), retry)
      if (asked !== undefined) t.equal(stage.provider.seen.length, asked)
    })
  }
}

for (const moment of MOMENTS) {
  t.test(`a stream broken off by its provider, killed at refund:${moment}: ${moment === 'before' ? 'the charge stands' : 'the money is back'}`, async (t) => {
    const stage = await openStage(t, market, `refund:${moment}`)
    stage.provider.next(resetAfterHead)
    await killed(ask(stage.gateway, '/acme/feed', bearer(stage.key)), stage)
    const next = await startAtlas(t, stage.file)
    t.equal((await left(next, stage.key)).balance, moment === 'before' ? '9.85' : '10.00')
  })

  t.test(
    `a paid call killed at intent:${moment}: ${moment === 'before' ? 'the payment is unused' : 'pending, then its answer'}; the money moves once`,
    async (t) => {
      const stage = await openStage(t, market, `intent:${moment}`)
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

  t.test(
    `a settlement that failed, killed at void:${moment}: ${moment === 'before' ? 'pending, then its answer' : 'the payment is unused'}; the money moves once`,
    async (t) => {
      const stage = await openStage(t, market, `void:${moment}`)
      const offer = (await ask(stage.gateway, '/acme/read', {})).headers.get('payment-required') ?? ''
      const payment = { [NAME]: await signedPayment(offer, market.buyer.privateKey) }
      const before = await market.chain.balanceOf(stage.seller as typeof market.seller.address)
      refusedSellers.add(stage.seller)
      await killed(ask(stage.gateway, '/acme/read', payment), stage)
      refusedSellers.delete(stage.seller)
      const next = await startAtlas(t, stage.file)
      t.match(await left(next, stage.key), { sold: 0, revenue: '0.00' })
      let last: Got | undefined
      const answered = async (): Promise<boolean> => {
        last = await ask(next, '/acme/read', payment)
        return last.status === 200
      }
      await until('the call is answered', answered, 20_000)
      t.equal(last?.headers.has('x-atlas-replayed'), moment === 'before')
      t.equal(stage.provider.seen.length, moment === 'before' ? 1 : 2)
      t.equal((await market.chain.balanceOf(stage.seller as typeof market.seller.address)) - before, 150_000n)
      t.match(await left(next, stage.key), { sold: 1, revenue: '0.15' })
    },
  )

  t.test(`a paid call killed at settled:${moment}: the payment fetches its answer, and the money has moved once`, async (t) => {
    const stage = await openStage(t, market, `settled:${moment}`)
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
  const stage = await openStage(t, market, 'enable:synced')
  const headers = { 'content-type': 'application/json' }
  await killed(fetch(`${stage.gateway.adminUrl}/api/disable`, { method: 'POST', headers, body: '{"names":["acme"]}' }), stage)
  const next = await startAtlas(t, stage.file)
  t.match(await ask(next, '/acme/read', bearer(stage.key)), { status: 503, code: 'sold_out' })
  t.equal(stage.provider.seen.length, 0)
})
