/** Holds: what calls under way have taken. States: held → calling → settling → done | unknown; done holds are gone. */
import type { Alternative, Charge, WrittenCall, EpochMs, NameClaim, OnceClaim, Payer, Payment, RateClaim, SlotClaim, Usd } from '#contract'
import { consumerIn, NOTHING, shortCall } from '#contract'
import { type Spent, spentBy } from './counters.ts'
import type { Buying, ChargeFields, Intended } from './records.ts'
import type { Shared } from './shares.ts'
import type { State, Tally } from './state.ts'
import { noTally } from './state-parts.ts'
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
  /** What was counted towards caps, and when. */
  readonly spends?: readonly Spent[]
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
  /** Of a hold that is paid upfront: by credits of the wallet, once it has settled. */
  payer: Payer
  /** Money held of the payer's account; nothing for owners and payments. */
  price: Usd
  readonly names: NameClaim[]
  once: OnceClaim[]
  readonly rates: RateClaim[]
  readonly slots: SlotClaim[]
  readonly spends: Spent[]
  readonly shares: Shared[]
  /** Names that stand in the journal already. */
  namesDurable: boolean
  /** An answer is on disk from here on. */
  intent: Intended | Buying | undefined
  /** What was settled before the call; the call is charged as much. */
  prepaid: Usd | undefined
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
  shares: [],
  namesDurable: false,
  intent: undefined,
  prepaid: undefined,
})

/** From here on another connection serves. */
export function moveHold(hold: Hold, to: Alternative, { period, tally }: Shelf): void {
  hold.alternative = to
  hold.connection = to.connection
  hold.owner = to.owner
  hold.units = to.units
  hold.period = period.startMs
  hold.tally = tally
  if (hold.payer.by === 'credits') hold.price = hold.prepaid ?? to.price
}

/** What the call may cost its payer: what is held, or what its payment is over. */
export const mostOf = ({ payer, price }: Hold): Usd => (payer.by === 'x402' ? payer.payment.amount : price)

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

/** Of what takes no units. */
const UNITLESS = { alternative: undefined, connection: '', owner: '', units: 0, period: 0 }

export const newPurchase = (id: string, payment: Payment): Hold => ({
  ...{
    id,
    state: 'held',
    ...UNITLESS,
    tally: noTally(),
    payer: { by: 'x402', payment },
    price: NOTHING,
    names: [],
    once: [],
    rates: [],
    slots: [],
    spends: [],
    shares: [],
  },
  ...{ namesDurable: false, intent: undefined, prepaid: undefined },
})

/** The call that it was for will not be made: what is left is a purchase. */
export const dropUnits = (hold: Hold): void => void Object.assign(hold, UNITLESS, { tally: noTally() })

/** What an unknown purchase buys. */
export const CREDIT = { buys: 'credit' } as const

/** The hold of an intent whose outcome was not known when the process ended. */
export function holdOfIntent(intent: Intended | Buying, state: State): Hold {
  const { t, id } = intent
  const { connection, owner, units, period } = t === 'buy' ? UNITLESS : intent
  return {
    ...{ id, state: 'unknown', alternative: undefined, connection, owner, units, period },
    tally: t === 'buy' ? noTally() : state.tally(connection, period),
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
    // An intent counts towards caps until it is void.
    spends: t === 'buy' ? [] : [...spentBy(intent, state.spender(consumerIn(intent)))],
    shares: [],
    namesDurable: true,
    intent,
    prepaid: undefined,
  }
}

const payerAccount = (payer: Payer): string => {
  if (payer.by === 'credits') return payer.account
  if (payer.by === 'x402') return `wallet:${payer.payment.payer}`
  return payer.by === 'owner' ? `owner:${payer.owner}` : ''
}

const NONE: readonly never[] = []

/** Names and used-once keys, as they stand in the journal. */
export const usedNames = ({ names, once }: Pick<HoldFacts, 'names' | 'once'>): Pick<ChargeFields, 'names' | 'once'> => ({
  names: namesIn(names),
  once: onceIn(once),
})

const namesIn = (names: HoldFacts['names']): ChargeFields['names'] =>
  names.length === 0 ? NONE : names.map(({ name, digest, untilMs }) => ({ name, digest, until: untilMs }))
const onceIn = (once: HoldFacts['once']): ChargeFields['once'] => (once.length === 0 ? NONE : once.map(({ key, untilMs }) => ({ key, until: untilMs })))

const DAY_MS = 86_400_000

/** When it was counted towards a cap, if that was in another day. */
function sinceOf({ spends }: HoldFacts, at: EpochMs): number | undefined {
  const first = spends?.[0]
  return first === undefined || Math.floor(first.atMs / DAY_MS) === Math.floor(at / DAY_MS) ? undefined : first.atMs
}

/** What stands in the journal of a charge or an intent. */
export function fieldsOf<T extends 'charge' | 'intent'>(t: T, hold: HoldFacts, charge: Charge, at: EpochMs): ChargeFields & { readonly t: T } {
  const fields = {
    t,
    id: hold.id,
    at,
    since: sinceOf(hold, at),
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
    names: namesIn(hold.names),
    once: onceIn(hold.once),
    answer: charge.answer,
    call: charge.call as WrittenCall,
  }
  fields.call = shortCall(fields, charge.call)
  return fields
}

/** Member by member: a spread of what a class has made gives each copy a shape of its own, which costs more than all else here. */
export function paymentFields(payment: Payment): Intended['payment'] {
  const fields: { -readonly [M in keyof Intended['payment']]: Intended['payment'][M] } = {
    x402Version: payment.x402Version,
    digest: payment.digest,
    network: payment.network,
    asset: payment.asset,
    payer: payment.payer,
    nonce: payment.nonce,
    amount: payment.amount.toString(),
    validAfterMs: payment.validAfterMs,
    validBeforeMs: payment.validBeforeMs,
    upfront: payment.upfront,
    payload: payment.payload,
    requirements: payment.requirements,
  }
  if (payment.identifier !== undefined) fields.identifier = payment.identifier
  if (payment.quote !== undefined) fields.quote = payment.quote
  return fields
}

type IntentFields = ChargeFields & { readonly t: 'intent'; payment?: Intended['payment'] }

export function intentOf(hold: HoldFacts, charge: Charge, payment: Payment, at: EpochMs): Intended {
  const fields: IntentFields = fieldsOf('intent', hold, charge, at)
  fields.payment = paymentFields(payment)
  return fields as Intended
}
