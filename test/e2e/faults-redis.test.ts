/** A gateway on Redis and PostgreSQL killed before and after each write: another one reaches the state that docs/CONSISTENCY.md names. */

import t, { type Test } from 'tap'
import { startAtlas } from '../rig/atlas.ts'
import { signedPayment } from '../rig/client.ts'
import { bearer, until } from '../rig/gateway.ts'
import { openPostgres } from '../rig/postgres.ts'
import { startRedis, STRICT } from '../rig/redis.ts'
import { NAME, openMarket } from '../rig/shop.ts'
import { ask, type Got, KEY, killed, left, openStage, type Stage } from '../rig/stage.ts'

// Three at a time: most of each is waiting for the dead to be swept.
t.jobs = 3
const market = await openMarket(t)
const redis = await startRedis(t, STRICT)
const postgres = await openPostgres(t)
let names = 0

const open = (t: Test, point: string): Promise<Stage> => {
  names += 1
  return openStage(t, market, point, { store: { driver: 'redis', url: redis.url, name: `faults-${names}` }, ledger: { driver: 'postgres', url: postgres.url } })
}

for (const moment of ['before', 'synced'] as const) {
  const charged = moment === 'synced'

  t.test(
    `a named read killed at charge:${moment}: ${charged ? 'charged, and its answer is fetched' : 'not charged, and made again when the dead is swept'}`,
    async (t) => {
      const stage = await open(t, `charge:${moment}`)
      const headers = { ...bearer(stage.key), ...KEY }
      await killed(ask(stage.gateway, '/acme/read', headers), stage)
      const next = await startAtlas(t, stage.file)
      t.match(await left(next, stage.key), { balance: charged ? '9.85' : '10.00', sold: charged ? 1 : 0, revenue: charged ? '0.15' : '0.00' })
      let last: Got | undefined
      const answered = async (): Promise<boolean> => {
        last = await ask(next, '/acme/read', headers)
        return last.status === 200
      }
      await until('the call is answered', answered, 20_000)
      t.equal(last?.headers.has('x-atlas-replayed'), charged)
      t.equal(stage.provider.seen.length, charged ? 1 : 2)
      t.match(await left(next, stage.key), { balance: '9.85', sold: 1, revenue: '0.15', wasted: !charged })
    },
  )

  t.test(
    `a named read killed at reserve:${moment}: ${charged ? 'what it held is given up with the dead' : 'nothing was held'}; its retry is served`,
    async (t) => {
      const stage = await open(t, `reserve:${moment}`)
      const headers = { ...bearer(stage.key), ...KEY }
      await killed(ask(stage.gateway, '/acme/read', headers), stage)
      t.equal(stage.provider.seen.length, 0)
      const next = await startAtlas(t, stage.file)
      await until('the call is answered', async () => (await ask(next, '/acme/read', headers)).status === 200, 20_000)
      t.equal(stage.provider.seen.length, 1)
      t.match(await left(next, stage.key), { balance: '9.85', sold: 1, revenue: '0.15', wasted: charged })
    },
  )

  t.test(
    `a named write killed at charge:${moment}: ${charged ? 'charged, and its answer is fetched' : 'nobody knows, so it is never made again'}`,
    async (t) => {
      const stage = await open(t, `charge:${moment}`)
      const headers = { ...bearer(stage.key), ...KEY }
      await killed(ask(stage.gateway, '/acme/write', headers), stage)
      const next = await startAtlas(t, stage.file)
      let last: Got | undefined
      const known = async (): Promise<boolean> => {
        last = await ask(next, '/acme/write', headers)
        return last.status !== 503
      }
      await until('what became of it is known', known, 20_000)
      t.match(last, charged ? { status: 200 } : { status: 409, code: 'replay_unavailable' })
      t.equal(stage.provider.seen.length, 1)
      t.equal((await left(next, stage.key)).balance, charged ? '9.85' : '10.00')
    },
  )

  for (const record of ['intent', 'settled'] as const) {
    const fresh = record === 'intent' && moment === 'before'
    t.test(
      `a paid call killed at ${record}:${moment}: ${fresh ? 'the payment is unused' : 'the payment fetches its answer'}; the money moves once`,
      async (t) => {
        const stage = await open(t, `${record}:${moment}`)
        const offer = (await ask(stage.gateway, '/acme/read', {})).headers.get('payment-required') ?? ''
        const payment = { [NAME]: await signedPayment(offer, market.buyer.privateKey) }
        const before = await market.chain.balanceOf(stage.seller as typeof market.seller.address)
        await killed(ask(stage.gateway, '/acme/read', payment), stage)
        const next = await startAtlas(t, stage.file)
        // A nonce that was used is refused by the facilitator ever after: without a node nobody can say that it was this payment.
        if (record === 'settled' && moment === 'before') {
          t.match(await ask(next, '/acme/read', payment), { status: 503, code: 'payment_pending' })
        } else {
          await until('the call is answered', async () => (await ask(next, '/acme/read', payment)).status === 200, 25_000)
          t.match(await left(next, stage.key), { sold: 1, revenue: '0.15' })
        }
        t.equal(stage.provider.seen.length, fresh ? 2 : 1)
        t.equal((await market.chain.balanceOf(stage.seller as typeof market.seller.address)) - before, 150_000n)
      },
    )
  }
}
