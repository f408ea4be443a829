/** Credit that is bought, alone or for a call that is to follow: held, settled, unknown and void, on each driver, over a crash at each step. */

import t, { type Test } from 'tap'
import { type Alternative, type Payment, units, usd } from '#contract'
import { connectionOf } from '../rig/acme.ts'
import { type DriverRig, drivers } from '../rig/drivers.ts'
import { charge, credits, hold, named, once, paymentOf, reserve, slot, spend, supply, x402 } from '../rig/store.ts'

const acme = connectionOf('acme', { quota: units(10), reserved: units(3) })
const WALLET = 'wallet:0xb'
const payment = paymentOf('$0.30')
const SETTLED = { state: 'settled', transaction: '0xabc', headers: {} } as const
const UNKNOWN = { state: 'unknown', cause: 'nobody knows' } as const
const REFUSED = { state: 'not_settled', reason: 'insufficient_funds' } as const
const HOUR_MS = 3_600_000

const later = (rig: DriverRig): { untilMs: never } => ({ untilMs: (rig.clock.nowMs() + HOUR_MS) as never })
const header = (rig: DriverRig) => named('p', 'd', { ...later(rig), of: 'payment' })
const nonce = (rig: DriverRig) => once('n', later(rig))
const begin = (rig: DriverRig, id: string, paid: Payment = payment) => rig.store.purchase({ id, payment: paid, claims: [header(rig), nonce(rig)] })
const left = async (rig: DriverRig): Promise<unknown> => {
  await rig.still()
  const { left, sold, wasted } = await rig.admin.counters('acme')
  return { left, sold, wasted, balance: await rig.admin.balance(WALLET) }
}
/** A call that is paid upfront, up to the durable intent. */
async function prepaying(rig: DriverRig): Promise<void> {
  await hold(rig, 'call', header(rig), nonce(rig), slot('s', 1), spend('c', '$0.50'), supply(x402('$0.30'), [acme], 2))
  await rig.store.buy('call', { account: WALLET, payment })
}

for (const [name, openDriver] of drivers(t)) {
  const open = (t: Test): Promise<DriverRig> => openDriver(t, { connections: [acme] })

  t.test(`${name}: a purchase is credited once, and its payment is used`, async (t) => {
    const rig = await open(t)
    t.match(await begin(rig, 'one'), { kind: 'begun' })
    t.match(await begin(rig, 'two'), { kind: 'named', named: { state: 'waiting' } })
    await Promise.all([rig.store.buy('one', { account: WALLET, payment }), rig.store.buy('one', { account: WALLET, payment })])
    t.equal(await rig.admin.balance(WALLET), 0n, 'an intent is no credit')
    await Promise.all([rig.store.resolve('one', SETTLED), rig.store.resolve('one', SETTLED)])
    await rig.store.resolve('one', REFUSED)
    t.strictSame(await left(rig), { left: 7, sold: 0, wasted: 0, balance: usd('$0.30') })
    for (const how of ['now', 'after a restart']) {
      const life = how === 'now' ? rig : await rig.reopen()
      t.equal(await life.admin.balance(WALLET), usd('$0.30'))
      t.match(await begin(life, 'again'), { kind: 'named', named: { state: 'gone', receipt: 'one' } })
      t.match(await life.store.purchase({ id: 'other bytes', payment, claims: [nonce(life)] }), { kind: 'refused', code: 'payment_invalid' })
      t.match(await life.store.named('p', 'other'), { state: 'conflict' })
    }
  })

  t.test(`${name}: a purchase that is given up or not settled leaves nothing behind`, async (t) => {
    const rig = await open(t)
    await begin(rig, 'given up')
    rig.store.release('given up', 'returned')
    await rig.still()
    t.match(await begin(rig, 'void'), { kind: 'begun' })
    await rig.store.buy('void', { account: WALLET, payment })
    await rig.store.resolve('void', REFUSED)
    t.match(await begin(rig, 'third'), { kind: 'begun' }, 'the payment may be tried again')
    t.strictSame(await left(rig), { left: 7, sold: 0, wasted: 0, balance: 0n })
  })

  t.test(`${name}: a purchase whose outcome nobody knows stays so over a crash, and is credited once it is known`, async (t) => {
    const rig = await open(t)
    await begin(rig, 'one')
    await rig.store.buy('one', { account: WALLET, payment })
    const life = await rig.crash()
    t.match(await life.store.unknowns(), [{ hold: 'one', buys: 'credit', price: usd('$0.30'), payment: { payer: '0xb' } }])
    t.match(await begin(life, 'two'), { kind: 'named', named: { state: 'unknown' } })
    t.equal(await life.admin.balance(WALLET), 0n)
    await life.store.resolve('one', SETTLED)
    t.equal(await life.admin.balance(WALLET), usd('$0.30'))
    t.strictSame(await life.store.unknowns(), [])
    t.equal(await (await life.reopen()).admin.balance(WALLET), usd('$0.30'))
  })

  t.test(`${name}: a call that is paid holds nothing of the credits of its wallet`, async (t) => {
    const rig = await open(t)
    await begin(rig, 'one')
    await rig.store.buy('one', { account: WALLET, payment })
    await rig.store.resolve('one', SETTLED)
    await hold(rig, 'paid', supply(x402('$0.15'), [acme], 1))
    t.match(await reserve(rig, 'by credits', supply(credits(WALLET), [acme], 2)), { kind: 'held' }, 'all of them, to the last')
  })

  t.test(`${name}: what was paid upfront is held for its call, and nothing else can spend it`, async (t) => {
    const rig = await open(t)
    await prepaying(rig)
    await rig.store.resolve('call', SETTLED)
    t.equal(await rig.admin.balance(WALLET), usd('$0.30'))
    t.match(await reserve(rig, 'thief', supply(credits(WALLET), [acme], 1)), { kind: 'refused', code: 'insufficient_credits' })
    t.match(await rig.store.named('p', 'd'), { state: 'waiting' }, 'whoever asks again waits for the call')
    rig.store.calling('call')
    await rig.store.commit('call', charge(await alternativeOf(rig), 2, { price: usd('$0.30') }))
    t.strictSame(await left(rig), { left: 5, sold: 2, wasted: 0, balance: 0n })
    for (const how of ['now', 'after a restart']) {
      const life = how === 'now' ? rig : await rig.reopen()
      t.match(await life.store.named('p', 'd'), { state: /stored|gone/, receipt: 'call' })
      t.strictSame(await left(life), { left: 5, sold: 2, wasted: 0, balance: 0n })
    }
  })

  t.test(`${name}: a call that fails after it was paid upfront leaves its price as credit`, async (t) => {
    for (const [fate, wasted] of [
      ['returned', 0],
      ['wasted', 2],
    ] as const) {
      const rig = await open(t)
      await prepaying(rig)
      await rig.store.resolve('call', SETTLED)
      rig.store.calling('call')
      rig.store.release('call', fate)
      const after = { left: 7 - wasted, sold: 0, wasted, balance: usd('$0.30') }
      t.strictSame(await left(rig), after)
      t.match(await reserve(rig, 'spends', supply(credits(WALLET), [acme], 1)), { kind: 'held' })
      rig.store.release('spends', 'returned')
      t.match(await rig.store.named('p', 'd'), { state: 'absent' })
      t.match(await begin(rig, 'again'), { kind: 'refused', code: 'payment_invalid' }, 'the payment is used all the same')
      t.match(await hold(rig, 'next', slot('s', 1), spend('c', '$0.50'), supply(credits(WALLET), [acme], 1)), { connection: 'acme' }, 'slot and cap are free')
      rig.store.release('next', 'returned')
      t.strictSame(await left(await rig.reopen()), after)
    }
  })

  t.test(`${name}: a gateway that dies between the settlement and the end of the call leaves credit`, async (t) => {
    const rig = await open(t)
    await prepaying(rig)
    await rig.store.resolve('call', SETTLED)
    rig.store.calling('call')
    const life = await rig.crash()
    t.equal(await life.admin.balance(WALLET), usd('$0.30'))
    t.match(await life.store.named('p', 'd'), { state: 'gone', receipt: 'call' }, 'nobody knows what the provider did')
    t.match(await reserve(life, 'spends', supply(credits(WALLET), [acme], 1)), { kind: 'held' })
  })

  t.test(`${name}: an unknown settlement before the call gives the units back and keeps the payment`, async (t) => {
    const rig = await open(t)
    await prepaying(rig)
    await rig.store.resolve('call', UNKNOWN)
    t.strictSame(await left(rig), { left: 7, sold: 0, wasted: 0, balance: 0n })
    t.match(await rig.store.unknowns(), [{ hold: 'call', buys: 'credit' }])
    t.match(await hold(rig, 'next', slot('s', 1), spend('c', '$0.30'), supply(x402('$0.15', { nonce: '0x2' }), [acme], 1)), { connection: 'acme' })
    const life = await rig.crash()
    await life.store.resolve('call', SETTLED)
    t.equal(await life.admin.balance(WALLET), usd('$0.30'))
    t.match(await life.store.named('p', 'd'), { state: 'gone' })
  })

  t.test(`${name}: a settlement that fails after the call marks the wallet; one that was never asked for does not`, async (t) => {
    const rig = await open(t)
    const sell = (): Promise<unknown> => reserve(rig, `call ${Math.random()}`, supply(x402('$0.30'), [acme], 1)) as Promise<unknown>
    for (const settlement of [{ ...REFUSED, blameless: true } as const, REFUSED]) {
      const id = `${settlement.reason} ${'blameless' in settlement}`
      const chosen = await hold(rig, id, supply(x402('$0.30'), [acme], 1))
      await rig.store.intend(id, charge(chosen), payment)
      await rig.store.resolve(id, settlement)
      t.equal(((await sell()) as { upfront?: boolean }).upfront === true, !('blameless' in settlement))
    }
    const life = await rig.reopen()
    t.match(await reserve(life, 'after', supply(x402('$0.30'), [acme], 1)), { kind: 'held', upfront: true })
    t.equal(((await reserve(life, 'other', supply(x402('$0.30', { payer: '0xc', nonce: '0x9' }), [acme], 1))) as { upfront?: boolean }).upfront, undefined)
  })
}

async function alternativeOf(rig: DriverRig): Promise<Alternative> {
  const chosen = await hold(rig, 'looks', supply(x402('$0.30', { nonce: '0x7' }), [acme], 2))
  rig.store.release('looks', 'returned')
  return chosen
}
