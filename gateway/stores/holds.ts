/** Holds: what calls under way have taken. States: held → calling → settling → done | unknown; done holds are gone. */
import type { Alternative, Charge, EpochMs, NameClaim, OnceClaim, Payer, RateClaim, SlotClaim, Usd } from '#contract'
import { NOTHING } from '#contract'
import type { Spent } from './counters.ts'
import type { ChargeFields, Intended } from './records.ts'
import type { State, Tally } from './state.ts'
import type { Shelf } from './stock.ts'

/** What a line is written from. */
export interface HoldFacts {
  readonly id: string
  readonly connection: string
  readonly owner: string
  readonly period: number
  readonly payer: Payer
  readonly names: NameClaim[]
  readonly once: OnceClaim[]
}

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
  readonly spends: Spent[]
  /** Names that stand in the journal already. */
  namesDurable: boolean
  /** An answer is on disk from here on. */
  intent: Intended | undefined
}

export const newHold = (id: string, alternative: Alternative, payer: Payer, { period, tally }: Shelf): Hold => ({
  id,
  state: 'held',
  alternative,
  connection: alternative.connection,
  owner: alternative.owner,
  units: alternative.units,
  period: period.startMs,
  tally,
  payer,
  price: payer.by === 'credits' ? alternative.price : NOTHING,
  names: [],
  once: [],
  rates: [],
  slots: [],
  spends: [],
  namesDurable: false,
  intent: undefined,
})

/** From here on another connection serves. */
export function moveHold(hold: Hold, to: Alternative, { period, tally }: Shelf): void {
  hold.alternative = to
  hold.connection = to.connection
  hold.owner = to.owner
  hold.units = to.units
  hold.period = period.startMs
  hold.tally = tally
  if (hold.payer.by === 'credits') hold.price = to.price
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

const payerAccount = (payer: Payer): string => {
  if (payer.by === 'credits') return payer.account
  if (payer.by === 'x402') return `wallet:${payer.payment.payer}`
  return payer.by === 'owner' ? `owner:${payer.owner}` : ''
}

const NONE: readonly never[] = []

/** What stands in the journal of a charge or an intent. */
export const fieldsOf = (hold: HoldFacts, charge: Charge, at: EpochMs): ChargeFields => ({
  id: hold.id,
  at,
  connection: hold.connection,
  owner: hold.owner,
  period: hold.period,
  units: charge.units,
  price: charge.price.toString(),
  platform: charge.platformShare.toString(),
  by: hold.payer.by as ChargeFields['by'],
  account: payerAccount(hold.payer),
  api: charge.api,
  operation: charge.operation,
  subject: charge.subject,
  names: hold.names.length === 0 ? NONE : hold.names.map(({ name, digest, untilMs }) => ({ name, digest, until: untilMs })),
  once: hold.once.length === 0 ? NONE : hold.once.map(({ key, untilMs }) => ({ key, until: untilMs })),
  answer: charge.answer,
  call: charge.call,
})
