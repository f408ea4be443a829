/** Something of everything that the journal can say, and all that can be asked of a store: for tests of what a start finds again. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Correction, type EpochMs, type Settlement, type Usd, units, usd } from '#contract'
import { connectionOf } from './acme.ts'
import type { Teardown } from './folder.ts'
import { segmentsOf } from './segments.ts'
import { ANSWER, charge, credits, fund, hold, named, once, openStore, ownerOf, paymentOf, reserve, type StoreRig, spend, supply, x402 } from './store.ts'

export const acme = connectionOf('acme', { quota: units(100_000), reserved: units(1_000) })
/** A grant that never renews: its one period began in 1970. */
export const grant = connectionOf('grant', { quota: units(100), reserved: units(0), period: { every: 'none', billingDay: 1, zone: 'UTC' } })
export const daily = connectionOf('daily', { quota: units(10_000), reserved: units(0), period: { every: 'day', billingDay: 1, zone: 'UTC' } })
const connections = [acme, daily, grant]
export const SEGMENT_BYTES = 16 * 1024
export const PAID: Settlement = { state: 'settled', transaction: '0xabc', headers: { 'PAYMENT-RESPONSE': 'paid' } }
export const DAY_MS = 86_400_000

export const open = (t: Teardown, more: Parameters<typeof openStore>[1] = {}): StoreRig =>
  openStore(t, { connections, more: { segmentBytes: SEGMENT_BYTES }, ...more })
export const journalOf = ({ folder }: StoreRig): string => join(folder, 'journal')
export const snapshotsOf = (rig: StoreRig): string[] => readdirSync(journalOf(rig)).filter((name) => name.startsWith('snapshot-'))

/** Charges until so many segments are complete. */
export async function fill(rig: StoreRig, segments: number, prefix: string): Promise<void> {
  const wanted = segmentsOf(journalOf(rig)).length + segments
  for (let index = 0; segmentsOf(journalOf(rig)).length < wanted; index += 1) {
    const id = `${prefix}-${index}`
    await rig.store.commit(id, charge(await hold(rig, id, supply(credits(), [acme]))))
  }
  await rig.settled()
}

export async function sell(rig: StoreRig, id: string, claims: Parameters<typeof hold>[2][], more: Parameters<typeof charge>[2] = {}): Promise<void> {
  const chosen = await hold(rig, id, ...claims)
  await rig.store.commit(id, charge(chosen, chosen.units, more))
}

export async function pay(rig: StoreRig, id: string, until: EpochMs, settlement: Settlement | undefined): Promise<void> {
  const chosen = await hold(rig, id, named(`p:${id}`, 'd', { of: 'payment', untilMs: until }), once(`nonce ${id}`), supply(x402('$0.30'), [acme], 2))
  await rig.store.intend(id, charge(chosen, 2, { answer: { ...ANSWER, body: `paid for by ${id}` }, consumer: 'wallet:0xb' }), paymentOf('$0.30'))
  if (settlement !== undefined) await rig.store.resolve(id, settlement)
}

export const GIFT: Correction = {
  id: 'c1',
  reason: 'a gift',
  postings: [
    { account: 'liab:credit:key:k', amount: -1_000_000n as Usd },
    { account: 'asset:outside', amount: 1_000_000n as Usd },
  ],
}

/** Something of everything that the journal can say. */
export async function eventful(rig: StoreRig): Promise<void> {
  const until = (rig.clock.nowMs() + 5 * DAY_MS) as EpochMs
  await fund(rig, '$1000')
  await fund(rig, '$5', 'capped', { capPerDay: usd('$2'), capPerMonth: usd('$30') })
  await fund(rig, '$1', 'gone')
  await rig.admin.revokeKey('gone')
  await rig.admin.rotateKey('capped', { id: 'capped2', hash: 'hash of capped2' })
  await rig.admin.setEnabled('daily', false, true)
  await rig.admin.setEnabled('daily', true, true)
  await sell(rig, 'plain', [supply(credits(), [acme], 3)])
  await sell(rig, 'own', [supply(ownerOf(), [acme], 5)])
  await sell(rig, 'named', [named('n', 'd', { untilMs: until }), supply(credits(), [acme])], { answer: { ...ANSWER, body: 'stored once' } })
  await sell(rig, 'once', [once('used', { untilMs: until }), supply(credits(), [acme])])
  await sell(rig, 'spent', [spend('key:capped', '$2'), supply(credits('key:capped'), [acme])], { consumer: 'key:capped', price: usd('$0.70') })
  await sell(rig, 'refunded', [supply(credits(), [acme])])
  await rig.store.refund({ receipt: 'refunded', connection: 'acme', owner: 'alice', account: 'key:k', price: usd('$0.15'), platformShare: usd('$0.015') })
  await hold(rig, 'wasted', supply(credits(), [acme], 2))
  rig.store.release('wasted', 'wasted')
  await hold(rig, 'lost', named('lost', 'd', { durable: true, untilMs: until }), supply(credits(), [acme]))
  rig.store.calling('lost')
  await pay(rig, 'settled', until, PAID)
  await pay(rig, 'void', until, { state: 'not_settled', reason: 'no funds' })
  await pay(rig, 'unknown', until, undefined)
  await rig.admin.correct(GIFT)
  const payout = { id: 'po1', owner: 'alice', amount: usd('$7'), network: 'eip155:84532', asset: '0xa', from: '0x1', to: '0x2', accountNonce: '7', raw: '0x00' }
  await rig.admin.payouts.begin({ ...payout, transaction: '0xfe', atMs: rig.clock.nowMs() }, 0)
  await sell(rig, 'daily', [supply(credits(), [daily], 4)])
}

/** All that can be asked of a store. */
export async function everything(rig: StoreRig): Promise<object> {
  const { admin, store } = rig
  const names = ['n', 'lost', 'p:settled', 'p:void', 'p:unknown']
  const counters = async (name: string): Promise<object> => {
    const { sold, own, wasted, revenue, enabled, vetted } = await admin.counters(name)
    return { sold, own, wasted, revenue, enabled, vetted }
  }
  return {
    keys: [...(await admin.listKeys())].sort((a, b) => (a.id < b.id ? -1 : 1)),
    balances: [...(await admin.balances())].sort(),
    usage: [...(await admin.usage())].sort(),
    counters: [await counters('acme'), await counters('daily')],
    named: await Promise.all(names.map((name) => store.named(name, 'd'))),
    once: await Promise.all(['used', 'nonce settled', 'nonce void', 'nonce unknown'].map((key) => refusedFor(rig, key))),
    unknowns: await store.unknowns(),
    payout: [await admin.payouts.open(), await admin.payouts.count()],
    caps: [
      await capped(rig, 'key:capped'),
      await capped(rig, 'wallet:0xb'),
      await capped(rig, 'key:capped', 'month'),
      await capped(rig, 'wallet:0xb', 'month'),
    ],
    byHash: store.keys.byHash('hash of capped2')?.id,
  }
}

async function refusedFor(rig: StoreRig, key: string): Promise<string> {
  const answer = await reserve(rig, `probe ${key}`, once(key), supply(ownerOf(), [acme], 0))
  if (answer.kind === 'held') rig.store.release(`probe ${key}`, 'returned')
  return answer.kind === 'refused' ? answer.code : answer.kind
}

/** What of the cap of $2 is left, to ten cents. */
async function capped(rig: StoreRig, key: string, per: 'day' | 'month' = 'day'): Promise<number> {
  for (let cents = 0; ; cents += 10) {
    const price = usd(`$${(cents / 100).toFixed(2)}`)
    const base = supply(credits('key:k'), [acme], 0)
    const claim = { ...base, alternatives: base.alternatives.map((one) => ({ ...one, price })) }
    const answer = await reserve(rig, `cap ${cents}`, spend(key, '$2', per), claim)
    if (answer.kind !== 'held') return cents
    rig.store.release(`cap ${cents}`, 'returned')
  }
}
