/** What holds of every driver: the same answers in the same order of precedence, each move once, and nothing left behind. */

import t, { type Test } from 'tap'
import { ratio, type SupplyClaim, units, usd } from '#contract'
import { connectionOf } from '../rig/acme.ts'
import { type DriverRig, type DriverWish, drivers, type OpenDriver } from '../rig/drivers.ts'
import { ANSWER, charge, credits, hold, named, once, ownerOf, paymentOf, rate, reserve, slot, spend, supply, x402 } from '../rig/store.ts'

const acme = connectionOf('acme', { quota: units(10), reserved: units(3) })
const dear = connectionOf('dear', { quota: units(10), reserved: units(0), markup: ratio(4n, 1n) })
const both = [acme, dear]
const HOUR_MS = 3_600_000

const fund = (rig: DriverRig, amount: string, id = 'k', more: object = {}) =>
  rig.admin.createKey({ id, hash: `hash of ${id}`, role: 'consumer', credits: usd(amount), ...more })
const later = (rig: DriverRig): { untilMs: never } => ({ untilMs: (rig.clock.nowMs() + HOUR_MS) as never })

/** Everything that a call may leave a trace in. */
async function traces(rig: DriverRig): Promise<unknown> {
  await rig.still()
  const connections = await Promise.all(both.map(async ({ name }) => ({ ...(await rig.admin.counters(name)), own: rig.store.stock.leftForOwner(name) })))
  return { connections, balance: await rig.admin.balance('key:k') }
}

for (const [name, openDriver] of drivers(t)) {
  const open = (t: Test, wish: DriverWish = { connections: both }): ReturnType<OpenDriver> => openDriver(t, wish)

  t.test(`${name}: a commit charges once, whoever repeats it`, async (t) => {
    const rig = await open(t)
    await fund(rig, '$10')
    const chosen = await hold(rig, 'one', supply(credits(), both, 2))
    await Promise.all([rig.store.commit('one', charge(chosen)), rig.store.commit('one', charge(chosen))])
    await rig.store.commit('one', charge(chosen))
    rig.store.release('one', 'wasted')
    t.equal(await rig.admin.balance('key:k'), usd('$9.70'))
    t.match(await rig.admin.counters('acme'), { sold: 2, wasted: 0, left: 5, revenue: usd('$0.30') })
    const again = await rig.crash()
    t.equal(await again.admin.balance('key:k'), usd('$9.70'))
    t.match(await again.admin.counters('acme'), { sold: 2 })
  })

  t.test(`${name}: a release gives everything back but wasted units`, async (t) => {
    const rig = await open(t)
    await fund(rig, '$10')
    const before = await traces(rig)
    const claims = [rate('p', 1), slot('s', 1), spend('c', '$1'), once('o', later(rig)), named('n', 'd', later(rig)), supply(credits(), both, 2)]
    await hold(rig, 'one', ...claims)
    rig.store.release('one', 'returned')
    t.strictSame(await traces(rig), before)
    await hold(rig, 'two', ...claims)
    rig.store.release('two', 'wasted')
    await rig.still()
    t.match(await rig.admin.counters('acme'), { sold: 0, wasted: 2, left: 5 })
    t.match(await hold(rig, 'three', ...claims), { connection: 'acme' }, 'pace, slot, cap, nonce and name are free')
  })

  t.test(`${name}: refusals come in their order, and a refused call leaves no trace`, async (t) => {
    const rig = await open(t)
    await fund(rig, '$0.40')
    await fund(rig, '$100', 'rich')
    const used = {
      ...(await hold(
        rig,
        'first',
        named('n', 'd', later(rig)),
        once('o', later(rig)),
        rate('p', 1),
        slot('s', 1),
        spend('c', '$0.20'),
        supply(credits(), both),
      )),
    }
    const before = await traces(rig)
    const poor = supply(credits(), both, 3)
    const refusedBy = async (...claims: Parameters<typeof reserve>[2][]) => {
      const found = await reserve(rig, `call-${Math.random()}`, ...claims)
      return found.kind === 'refused' ? found.code : found.kind === 'named' ? found.named.state : found.kind
    }
    const all = [named('n', 'd', later(rig)), once('o', later(rig)), rate('p', 1), slot('s', 1), spend('c', '$0.20'), poor] as const
    t.equal(await refusedBy(...all), 'waiting')
    t.equal(await refusedBy(named('n', 'another request', later(rig)), poor), 'conflict')
    t.equal(await refusedBy(...all.slice(1)), 'payment_pending')
    t.equal(await refusedBy(...all.slice(2)), 'rate_limited')
    t.equal(await refusedBy(...all.slice(3)), 'rate_limited')
    t.equal(await refusedBy(spend('c', '$0.20'), supply(credits(), both, 1)), 'rate_limited', 'the cap speaks before the price')
    t.equal(await refusedBy(poor), 'insufficient_credits')
    t.equal(await refusedBy(supply(credits('key:rich'), both, 1, '$0.10')), 'price_above_max')
    t.equal(await refusedBy(supply(x402('$0.10'), both, 1)), 'payment_invalid')
    t.equal(await refusedBy(supply(credits('key:rich'), both, 11)), 'sold_out')
    t.strictSame(await traces(rig), before)
    await rig.store.commit('first', charge(used as never, 1, { answer: ANSWER }))
    t.equal(await refusedBy(...all), 'stored')
    t.equal(await refusedBy(...all.slice(1)), 'payment_invalid', 'a payment that was used')
  })

  t.test(`${name}: the cheapest that has the units serves, within one price that with most left; the owner takes his reserve`, async (t) => {
    const rig = await open(t)
    await fund(rig, '$100')
    const served = async (id: string, claim: SupplyClaim): Promise<string> => (await hold(rig, id, claim)).connection
    t.equal(await served('a', supply(credits(), both, 7)), 'acme')
    t.equal(await served('b', supply(credits(), both, 1)), 'dear')
    t.equal(await served('c', supply(ownerOf(), both, 3)), 'dear', 'most left')
    t.match(await reserve(rig, 'd', supply(ownerOf(), [acme], 4)), { kind: 'refused', code: 'sold_out' })
    t.equal(await served('e', supply(ownerOf(), [acme], 3)), 'acme', 'the reserve')
    await rig.admin.setEnabled('dear', false, false)
    t.match(await reserve(rig, 'f', supply(credits(), [dear], 1)), { kind: 'refused', code: 'sold_out' })
    t.equal(await served('g', supply(ownerOf(), [dear], 1)), 'dear', "the owner's keys still work")
  })

  t.test(`${name}: a switch moves units and money, never to a dearer price`, async (t) => {
    const rig = await open(t)
    await fund(rig, '$10')
    const first = await hold(rig, 'one', supply(credits(), [dear], 2))
    const [cheaper] = supply(credits(), [acme], 2).alternatives
    t.equal(await rig.store.switch('one', cheaper as never, 'wasted'), true)
    t.equal(await rig.store.switch('one', cheaper as never, 'wasted'), true, 'the same again')
    t.equal(await rig.store.switch('one', first, 'returned'), false, 'dearer')
    await rig.store.commit('one', charge(cheaper as never))
    await rig.still()
    t.match(await rig.admin.counters('dear'), { sold: 0, wasted: 2, left: 8 })
    t.match(await rig.admin.counters('acme'), { sold: 2, left: 5 })
    t.equal(await rig.admin.balance('key:k'), usd('$9.70'))
  })

  t.test(`${name}: an intent outlives its process as unknown; settled it is charged with its stored answer, void it is free again`, async (t) => {
    for (const settled of [true, false]) {
      const rig = await open(t)
      const payment = paymentOf('$0.30', { validBeforeMs: later(rig).untilMs })
      const claims = [named('p:header', 'd', { of: 'payment', ...later(rig) }), once('nonce', later(rig)), supply({ by: 'x402', payment }, both, 2)]
      const chosen = await hold(rig, 'paid', ...claims)
      await rig.store.intend('paid', charge(chosen, 2, { answer: ANSWER, price: usd('$0.30') }), payment)
      t.throws(() => rig.store.release('paid', 'returned'), /may not be released/)
      const next = await rig.crash()
      t.match(await next.store.unknowns(), [{ hold: 'paid', price: usd('$0.30'), payment: { nonce: '0x1', amount: usd('$0.30') } }])
      t.match(await next.store.named('p:header', 'd'), { state: 'unknown' })
      // The rest of a lease is wasted with its process: one unit of so few.
      const { sold, left, wasted: lost } = await next.admin.counters('acme')
      t.strictSame([sold, left + lost], [0, 5])
      const settlement = settled
        ? ({ state: 'settled', transaction: '0xabc', headers: { 'payment-response': 'yes' } } as const)
        : ({ state: 'not_settled', reason: 'refused' } as const)
      await next.store.resolve('paid', settlement)
      await next.store.resolve('paid', settlement)
      t.strictSame(await next.store.unknowns(), [])
      const named_ = await next.store.named('p:header', 'd')
      if (settled) t.match(named_, { state: 'stored', receipt: 'paid', answer: { body: ANSWER.body, headers: [...ANSWER.headers, 'payment-response', 'yes'] } })
      else t.match(named_, { state: 'absent' })
      t.match(await next.admin.counters('acme'), settled ? { sold: 2, wasted: lost, revenue: usd('$0.30') } : { sold: 0, wasted: 2 + lost })
      const again = await reserve(next, 'again', once('nonce', later(rig)), supply({ by: 'x402', payment }, both, 2))
      t.match(again, settled ? { code: 'payment_invalid' } : { kind: 'held' })
    }
  })

  t.test(`${name}: a key that is revoked, expired or unknown takes nothing, whatever a copy says of it`, async (t) => {
    const rig = await open(t)
    await fund(rig, '$10')
    await fund(rig, '$10', 'short', { expiresAtMs: (rig.clock.nowMs() + 1_000) as never })
    const asked = (id: string, key: string) => rig.store.reserve({ id, claims: [supply(credits(), both)], key })
    t.match(await asked('a', 'k'), { kind: 'held' })
    t.match(await asked('b', 'nobody'), { code: 'unauthenticated' })
    t.match(await asked('c', 'short'), { kind: 'held' })
    rig.clock.pass(1_000)
    t.match(await asked('d', 'short'), { code: 'unauthenticated' })
    t.match(await rig.admin.rotateKey('k', { id: 'new', hash: 'another' }), { id: 'new', account: 'key:k' })
    t.match(await asked('e', 'k'), { code: 'unauthenticated' })
    t.match(await asked('f', 'new'), { kind: 'held' })
    t.equal(await rig.admin.revokeKey('new'), true)
    t.match(await asked('g', 'new'), { code: 'unauthenticated' })
    const again = await rig.crash()
    t.match(await again.store.reserve({ id: 'h', claims: [supply(credits(), both)], key: 'new' }), { code: 'unauthenticated' })
    t.strictSame(
      (await again.admin.listKeys()).filter(({ revokedAtMs }) => revokedAtMs === undefined).map(({ id }) => id),
      ['short'],
    )
  })

  t.test(`${name}: corrections and refunds are written once; a payout begins once and ends once`, async (t) => {
    const rig = await open(t)
    await fund(rig, '$1')
    const correction = {
      id: 'c',
      reason: 'wrong',
      postings: [
        { account: 'liab:credit:key:k', amount: usd('-$0.25') },
        { account: 'rev:platform', amount: usd('$0.25') },
      ],
    }
    await Promise.all([rig.admin.correct(correction), rig.admin.correct(correction)])
    t.equal(await rig.admin.balance('key:k'), usd('$1.25'))
    await t.rejects(rig.admin.correct({ ...correction, id: 'odd', postings: correction.postings.slice(1) }), /does not balance/)
    const refund = { receipt: 'r', connection: 'acme', owner: 'alice', account: 'key:k', price: usd('$0.15'), platformShare: usd('$0.015') }
    await Promise.all([rig.store.refund(refund), rig.store.refund(refund)])
    t.equal(await rig.admin.balance('key:k'), usd('$1.40'))
    const { payouts } = rig.admin
    const payout = {
      ...{ id: 'p1', owner: 'alice', amount: usd('$5'), network: 'eip155:1', asset: '0xa', from: '0xf', to: '0xt' },
      accountNonce: '0',
      raw: '0x',
      transaction: '0xh',
      atMs: rig.clock.nowMs(),
    }
    t.strictSame(await Promise.all([payouts.begin(payout, 0), payouts.begin({ ...payout, id: 'p2' }, 0)]), [true, false])
    const next = await rig.crash()
    t.match(await next.admin.payouts.open(), payout)
    t.equal(await next.admin.payouts.begin({ ...payout, id: 'p3' }, 1), false, 'one at a time')
    await next.admin.payouts.end('p1', { state: 'paid', block: '7' })
    await next.admin.payouts.end('p1', { state: 'failed', reason: 'too late' })
    t.equal(await next.admin.payouts.open(), undefined)
    t.equal(await next.admin.payouts.count(), 1)
    t.equal(await next.admin.payouts.begin({ ...payout, id: 'p3' }, 0), false, 'planned on old figures')
    t.equal(await next.admin.payouts.begin({ ...payout, id: 'p3' }, 1), true)
  })

  t.test(`${name}: the oldest stored answers go when there is no room; their calls are gone, not free`, async (t) => {
    const rig = await open(t, { connections: [connectionOf('acme')], replayBytes: 4_000 })
    await fund(rig, '$100')
    for (let call = 1; call <= 5; call += 1) {
      const chosen = await hold(rig, `c${call}`, named(`n${call}`, 'd', later(rig)), supply(credits()))
      await rig.store.commit(`c${call}`, charge(chosen, 1, { answer: { ...ANSWER, body: 'x'.repeat(900) } }))
    }
    const states: string[] = []
    for (let call = 1; call <= 5; call += 1) states.push((await rig.store.named(`n${call}`, 'd')).state)
    t.match(states.join(' '), /^(gone ){1,3}(stored ?){2,4}$/)
  })

  t.test(`${name}: of many at once exactly as many succeed as there is money, quota, pace, slots and cap for`, async (t) => {
    const rig = await open(t, { connections: [connectionOf('acme')] })
    await fund(rig, '$1.55')
    await fund(rig, '$1000', 'rich')
    const many = async (count: number, ...claims: Parameters<typeof reserve>[2][]): Promise<number> => {
      const found = await Promise.all(Array.from({ length: count }, (_, index) => reserve(rig, `${claims.length}-${index}-${Math.random()}`, ...claims)))
      return found.filter(({ kind }) => kind === 'held').length
    }
    t.equal(await many(100, supply(credits())), 10, 'money for ten')
    const rich = supply(credits('key:rich'))
    t.equal(await many(50, rate('pace', 20), rich), 20)
    t.equal(await many(50, slot('slots', 7), rich), 7)
    t.equal(await many(50, spend('cap', '$0.75'), rich), 5)
    t.equal(await many(50, once('nonce', later(rig)), rich), 1)
    t.equal(await many(50, named('name', 'd', later(rig)), rich), 1)
    t.equal(await many(800, rich), 700 - 10 - 20 - 7 - 5 - 2, 'and units for the rest')
  })
}
