/** The key that asks is looked at again inside the reservation: a mirror that lags admits nobody. And what all keys have, on each driver. */
import t from 'tap'
import { type EpochMs, NOTHING, type Usd } from '#contract'
import { connectionOf } from '../rig/acme.ts'
import { drivers } from '../rig/drivers.ts'
import { credits, fund, openStore, supply } from '../rig/store.ts'

const acme = connectionOf('acme')

t.test('a key that is unknown, revoked or expired by now reserves nothing, whatever else is wrong with the call', async (t) => {
  const rig = openStore(t, { connections: [acme] })
  await fund(rig, '$1')
  const until = (rig.clock.nowMs() + 1_000) as EpochMs
  await rig.admin.createKey({ id: 'short', hash: 'h2', role: 'consumer', credits: NOTHING, expiresAtMs: until })
  const ask = (key: string, id: string) => rig.store.reserve({ id, claims: [supply(credits(), [acme], 100)], key })
  t.match(await ask('k', 'a'), { code: 'insufficient_credits' })
  t.match(await ask('short', 'b'), { code: 'insufficient_credits' })
  t.match(await ask('nobody', 'c'), { code: 'unauthenticated', detail: 'the key is not valid' })
  rig.clock.pass(1_000)
  t.match(await ask('short', 'd'), { code: 'unauthenticated' })
  await rig.admin.revokeKey('k')
  t.match(await ask('k', 'e'), { code: 'unauthenticated' })
})

for (const [name, open] of drivers(t)) {
  t.test(`${name}: the balances are those of all accounts, also of more than are asked for at once`, async (t) => {
    const { admin } = await open(t)
    const wanted = Array.from({ length: 1_001 }, (_, index) => ({ id: `k${index}`, credits: BigInt(index + 1) as Usd }))
    await Promise.all(wanted.map(({ id, credits }) => admin.createKey({ id, hash: `hash of ${id}`, role: 'consumer', credits })))
    const balances = await admin.balances()
    t.strictSame(
      wanted.map(({ id }) => balances.get(`key:${id}`)),
      wanted.map(({ credits }) => credits),
    )
  })
}
