/** Reserving is all or nothing: which refusal speaks first, and that a refused call leaves nothing behind. */
import t, { type Test } from 'tap'
import { ratio, type StoreClaim, units, usd } from '#contract'
import { connectionOf } from '../rig/acme.ts'
import {
  alternative,
  charge,
  credits,
  fund,
  hold,
  named,
  once,
  openStore,
  rate,
  recordsOf,
  reserve,
  type StoreRig,
  slot,
  spend,
  supply,
  x402,
} from '../rig/store.ts'

const cheap = connectionOf('cheap', { quota: units(10), reserved: units(0) })
const dear = connectionOf('dear', { quota: units(10), reserved: units(0), markup: ratio(4n, 1n) })
const both = [cheap, dear]

/** Everything that a call of this consumer could leave a trace in. */
const countersOf = async ({ store, admin }: StoreRig): Promise<unknown> => ({
  connections: await Promise.all(both.map(async ({ name }) => ({ ...(await admin.counters(name)), leftForOwner: store.stock.leftForOwner(name) }))),
  balance: await admin.balance('key:k'),
})

/** Takes everything that there is of one kind. */
const fillers = {
  name: (rig: StoreRig) => hold(rig, 'first-of-the-name', named('n', 'another request'), supply(credits('key:rich'), both)),
  once: (rig: StoreRig) => hold(rig, 'first-of-the-nonce', once('nonce'), supply(credits('key:rich'), both)),
  rate: (rig: StoreRig) => hold(rig, 'first-of-the-pace', rate('consumer', 1), supply(credits('key:rich'), both)),
  slot: (rig: StoreRig) => hold(rig, 'first-of-the-slots', slot('consumer', 1), supply(credits('key:rich'), both)),
  spend: (rig: StoreRig) => hold(rig, 'first-of-the-day', spend('consumer', '$0.15'), supply(credits('key:rich'), both)),
  soldOut: async (rig: StoreRig) => {
    for (const connection of both)
      await hold(rig, `all of ${connection.name}`, supply(credits('key:rich'), [connection], rig.store.stock.left(connection.name)))
  },
}

/** A call that wants everything; the payer is poor unless said otherwise. */
const everything = (payer = credits('key:k')): StoreClaim[] => [
  supply(payer, both),
  spend('consumer', '$0.15'),
  slot('consumer', 1),
  rate('consumer', 1),
  rate('address', 100, { of: 'address', refusal: 'blocked' }),
  once('nonce'),
  named('n', 'this request'),
]

async function market(t: Test): Promise<StoreRig> {
  const rig = openStore(t, { connections: both })
  await fund(rig, '$100', 'rich')
  await fund(rig, '$0.14')
  return rig
}

t.test('the refusals of one move come in a fixed order: 409, the used payment, 429, 402, 503', async (t) => {
  const order: readonly [filler: keyof typeof fillers, code: string, payer?: ReturnType<typeof credits>][] = [
    ['name', 'conflict'],
    ['once', 'payment_pending'],
    ['rate', 'rate_limited'],
    ['slot', 'rate_limited'],
    ['spend', 'rate_limited'],
  ]
  for (let from = 0; from <= order.length; from += 1) {
    const rig = await market(t)
    // Whatever stands further down in the order is true as well: pools sold out, the payer poor.
    for (const [filler] of order.slice(from)) await fillers[filler](rig)
    await fillers.soldOut(rig)
    const reserved = await reserve(rig, 'refused', ...everything())
    const first = order[from]
    if (first?.[0] === 'name') t.match(reserved, { kind: 'named', named: { state: 'conflict' }, name: 'n' }, 'the name speaks first')
    else if (first === undefined) t.match(reserved, { kind: 'refused', code: 'insufficient_credits' }, 'the price speaks before the stock')
    else t.match(reserved, { kind: 'refused', code: first[1] }, `${first[0]} speaks before what follows`)
    const rich = await reserve(rig, 'refused-too', supply(credits('key:rich'), both))
    t.match(rich, { kind: 'refused', code: 'sold_out', price: undefined }, 'the stock speaks last')
  }
})

t.test('what the consumer will or can pay is judged at the price of the connection that would serve', async (t) => {
  const rig = await market(t)
  await t.resolves(hold(rig, 'exact', supply(credits('key:rich'), both, 1, '$0.15')), 'at the price itself it is served')
  const tooDear = await reserve(rig, 'max', supply(credits('key:rich'), both, 1, '$0.149999'))
  t.match(tooDear, { kind: 'refused', code: 'price_above_max', price: usd('$0.15') })
  t.match(await reserve(rig, 'poor', supply(credits('key:k'), both)), { kind: 'refused', code: 'insufficient_credits', price: usd('$0.15') })
  t.match(await reserve(rig, 'short', supply(x402('$0.14'), both)), { kind: 'refused', code: 'payment_invalid', price: usd('$0.15') })
  await hold(rig, 'the cheap ones', supply(credits('key:rich'), [cheap], 9))
  const onlyDearer = await reserve(rig, 'dearer', supply(x402('$0.15'), both))
  t.match(onlyDearer, { kind: 'refused', code: 'payment_invalid', price: usd('$0.20') }, 'only dearer units are left: the new price is named')
  t.match(await reserve(rig, 'dearer too', supply(credits('key:rich'), both, 1, '$0.15')), { code: 'price_above_max', price: usd('$0.20') })
  t.match(await hold(rig, 'pays', supply(x402('$0.20'), both)), { connection: 'dear', price: usd('$0.20') })
})

t.test('a refused call leaves no trace in any counter', async (t) => {
  for (const [what, fill] of Object.entries(fillers)) {
    const rig = await market(t)
    await fill(rig)
    await rig.flushed()
    const before = { counters: await countersOf(rig), records: recordsOf(rig).length }
    // The limits of what refuses stay filled; each of the others must be as free afterwards as before.
    const payer = what === 'soldOut' ? credits('key:rich') : credits('key:k')
    for (let i = 0; i < 5; i += 1) t.not((await reserve(rig, `refused-${i}`, ...everything(payer))).kind, 'held', what)
    await rig.flushed()
    t.strictSame({ counters: await countersOf(rig), records: recordsOf(rig).length }, before, `${what}: nothing is counted and nothing is written`)
    const others = {
      name: named('n', 'this request'),
      once: once('nonce'),
      rate: rate('consumer', 1),
      slot: slot('consumer', 1),
      spend: spend('consumer', '$0.15'),
    }
    if (what === 'soldOut') continue
    const free = Object.entries(others).filter(([name]) => name !== what)
    t.equal((await reserve(rig, 'then', supply(credits('key:rich'), both), ...free.map(([, claim]) => claim))).kind, 'held', `${what}: all else is free`)
  }
})

t.test('a refused call counts for its address', async (t) => {
  const rig = await market(t)
  const address = (): StoreClaim => rate('address', 3, { of: 'address', refusal: 'blocked' })
  for (let i = 0; i < 3; i += 1) {
    t.match(await reserve(rig, `poor-${i}`, supply(credits('key:k'), both), address()), { code: 'insufficient_credits' })
  }
  t.match(await reserve(rig, 'then', supply(credits('key:rich'), both), address()), { code: 'blocked', retryAfterSeconds: 1 })
})

t.test('a wallet’s second move is all or nothing, too, and leaves the hold as it was', async (t) => {
  const rig = await market(t)
  await fillers.slot(rig)
  await hold(rig, 'wallet', supply(x402('$0.15'), both), once('of the wallet'))
  const before = await countersOf(rig)
  const claims = [rate('wallet', 1), named('w', 'd'), spend('wallet', '$0.15'), slot('consumer', 1)]
  t.match(rig.store.extend('wallet', claims), { kind: 'refused', code: 'rate_limited' })
  t.strictSame(await countersOf(rig), before)
  t.match(rig.store.extend('wallet', [rate('wallet', 1), named('w', 'd'), spend('wallet', '$0.15')]), { kind: 'held' }, 'nothing of it had been taken')
  t.match(rig.store.extend('wallet', [spend('wallet', '$0.15')]), { kind: 'refused', code: 'rate_limited' }, 'what a payment is over counts as spent')
  rig.store.release('wallet', 'returned')
  await hold(rig, 'again', supply(x402('$0.15'), both), once('of the wallet'))
  t.match(rig.store.extend('again', [rate('wallet', 1), named('w', 'd'), spend('wallet', '$0.15')]), { kind: 'held' }, 'and all of it is given back')
})

t.test('a hold that does not exist cannot be extended or called', async (t) => {
  const rig = await market(t)
  t.throws(() => rig.store.extend('nobody', []), /hold nobody does not exist/)
  t.throws(() => rig.store.calling('nobody'), /hold nobody does not exist/)
  await hold(rig, 'twice', supply(credits('key:rich'), both))
  await t.rejects(reserve(rig, 'twice', supply(credits('key:rich'), both)), /reserved before/)
  t.equal(await rig.admin.balance('key:rich'), usd('$100'))
  await rig.store.commit('twice', charge(alternative(cheap)))
  t.equal(await rig.admin.balance('key:rich'), usd('$99.85'))
})
