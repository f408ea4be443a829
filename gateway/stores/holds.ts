/** Holds: what calls under way have taken. States: held → calling → settling → done | unknown; done holds are gone. */
import type { Alternative, NameClaim, OnceClaim, Payer, RateClaim, SlotClaim, SpendClaim, Usd } from '#contract'
import { NOTHING } from '#contract'
import type { Paces } from './paces.ts'
import type { ChargeFields, Intended } from './records.ts'
import type { State, Tally } from './state.ts'

export interface Hold {
  readonly id: string
  state: 'held' | 'calling' | 'settling' | 'unknown'
  /** Undefined only for an intent found at start, whose call is gone. */
  alternative: Alternative | undefined
  connection: string
  owner: string
  units: number
  /** The period in which the units were reserved. */
  period: number
  tally: Tally
  readonly payer: Payer
  /** Money held of the payer's account; nothing for owners and payments. */
  price: Usd
  readonly names: NameClaim[]
  readonly once: OnceClaim[]
  readonly rates: RateClaim[]
  readonly slots: SlotClaim[]
  readonly spends: SpendClaim[]
  /** Names that stand in the journal already. */
  namesDurable: boolean
  /** An answer is on disk from here on. */
  intent: Intended | undefined
}

export function holdMoney(hold: Hold, state: State): void {
  if (hold.payer.by !== 'credits') return
  const account = state.account(hold.payer.account)
  account.held = (account.held + hold.price) as Usd
}

export function freeMoney(hold: Hold, state: State): void {
  if (hold.payer.by !== 'credits') return
  const account = state.account(hold.payer.account)
  account.held = (account.held - hold.price) as Usd
}

export function holdUnits(hold: Hold): void {
  if (hold.payer.by === 'owner') hold.tally.heldOwn += hold.units
  else hold.tally.heldSold += hold.units
}

export function freeUnits(hold: Hold): void {
  if (hold.payer.by === 'owner') hold.tally.heldOwn -= hold.units
  else hold.tally.heldSold -= hold.units
}

/** The call did not happen: the consumer's counters are as before. */
export function giveBackCounters(hold: Hold, paces: Paces): void {
  for (const claim of hold.rates) if (claim.of === 'consumer') paces.giveBack(claim)
}

export function forgetNames(hold: Hold, state: State): void {
  for (const { name } of hold.names) {
    const named = state.named.get(name)
    if (named === undefined || named.receipt !== hold.id) continue
    state.named.delete(name)
    wake(named)
  }
  for (const { key } of hold.once) state.once.delete(key)
}

export function wakeNames(hold: Hold, state: State): void {
  for (const { name } of hold.names) {
    const named = state.named.get(name)
    if (named !== undefined) wake(named)
  }
}

function wake(named: { waiters: (() => void)[] }): void {
  const waiters = named.waiters
  named.waiters = []
  for (const waiter of waiters) waiter()
}

/** The hold of an intent whose outcome was not known when the process ended. */
export function holdOfIntent(intent: Intended, state: State): Hold {
  return {
    id: intent.id,
    state: 'unknown',
    alternative: undefined,
    connection: intent.connection,
    owner: intent.owner,
    units: intent.units,
    period: intent.period,
    tally: state.tally(intent.connection, intent.period),
    payer: { by: 'x402', payment: { ...intent.payment, amount: BigInt(intent.payment.amount) as Usd } },
    price: NOTHING,
    names: intent.names.map(({ name, digest, until }) => ({
      kind: 'name',
      name,
      of: 'payment',
      digest,
      untilMs: until as NameClaim['untilMs'],
      durable: true,
    })),
    once: intent.once.map(({ key, until }) => ({ kind: 'once', key, untilMs: until as OnceClaim['untilMs'] })),
    rates: [],
    slots: [],
    spends: [],
    namesDurable: true,
    intent,
  }
}

export const payerAccount = (payer: Payer): string => {
  if (payer.by === 'credits') return payer.account
  if (payer.by === 'x402') return `wallet:${payer.payment.payer}`
  return payer.by === 'owner' ? `owner:${payer.owner}` : ''
}

export type NamesAndOnce = Pick<ChargeFields, 'names' | 'once'>

export const namesOf = (hold: Hold): NamesAndOnce => ({
  names: hold.names.map(({ name, digest, untilMs }) => ({ name, digest, until: untilMs })),
  once: hold.once.map(({ key, untilMs }) => ({ key, until: untilMs })),
})
