/** What stands in the journal: one type per line, told apart by `t`. Amounts are decimal strings of micro-dollars. */
import type { AuditEntry, Charge, WrittenCall, EpochMs, KeyRecord, Payment, Payout, StoredAnswer } from '#contract'

interface OpenRecord {
  readonly t: 'open'
  readonly v: 1
  readonly mode: 'sandbox' | 'live'
  readonly name: string
  readonly at: number
}

export interface KeyCreated {
  readonly t: 'key'
  readonly key: Omit<KeyRecord, 'capPerDay' | 'capPerMonth'> & { readonly capPerDay?: string; readonly capPerMonth?: string }
}

interface KeyRevoked {
  readonly t: 'revoke'
  readonly id: string
  readonly at: number
}

interface Credited {
  readonly t: 'credit'
  readonly id: string
  readonly account: string
  readonly amount: string
  /** `grant`: handed out by the operator, paid for outside the gateway or given. `x402`: bought; then `network` says where the money is. */
  readonly from: 'grant' | 'x402'
  readonly network?: string
  readonly at: number
}

export interface Enabled {
  readonly t: 'enable'
  readonly connection: string
  readonly enabled: boolean
  readonly vetted: boolean
  readonly at: number
}

/** Up to `to` units of this connection and period may be in use or used: durable before they are. */
export interface Leased {
  readonly t: 'lease'
  readonly connection: string
  readonly period: number
  readonly to: number
}

export interface Wasted {
  readonly t: 'wasted'
  readonly connection: string
  readonly owner: string
  readonly period: number
  readonly units: number
  readonly at: number
  /** The call, or `crash` for the rest of a lease that a dead process left. */
  readonly by: string
}

/** The provider's own counter shows so many units beyond ours, in all of this period. */
export interface External {
  readonly t: 'external'
  readonly connection: string
  readonly period: number
  readonly units: number
  readonly at: number
}

/** Something that is done or told once until then. */
export interface Told {
  readonly t: 'told'
  readonly key: string
  readonly until: number
}

/** A name is in use by a call that does more than read. */
interface NameTaken {
  readonly t: 'name'
  readonly name: string
  readonly digest: string
  readonly until: number
  readonly receipt: string
}

interface NameFreed {
  readonly t: 'unname'
  readonly name: string
}

export interface ChargeFields {
  readonly id: string
  readonly at: number
  /** When it was reserved, where that was in an earlier UTC day and counts towards a cap: in that day, and its month. */
  readonly since?: number | undefined
  readonly connection: string
  readonly owner: string
  readonly period: number
  readonly units: number
  readonly price: string
  readonly platform: string
  readonly by: 'owner' | 'credits' | 'x402'
  /** Who is charged: a key's account, `wallet:0x…`, or the owner's key. */
  readonly account: string
  readonly api: string
  readonly operation: string
  readonly subject: Charge['subject']
  readonly names: readonly { readonly name: string; readonly digest: string; readonly until: number }[]
  readonly once: readonly { readonly key: string; readonly until: number }[]
  readonly answer?: StoredAnswer | undefined
  readonly call: WrittenCall
}

/** C of the state machine: charged to credits, or free for an owner. */
export interface Charged extends ChargeFields {
  readonly t: 'charge'
}

/** S: the provider answered well, the settlement is about to be asked for. */
export interface Intended extends ChargeFields {
  readonly t: 'intent'
  readonly payment: Omit<Payment, 'amount'> & { readonly amount: string }
}

/** S of a purchase: credit is about to be paid for. */
export interface Buying {
  readonly t: 'buy'
  readonly id: string
  readonly at: number
  /** Whose credit it becomes. */
  readonly account: string
  readonly amount: string
  readonly names: ChargeFields['names']
  readonly once: ChargeFields['once']
  readonly payment: Intended['payment']
}

/** T of a purchase: it is credit. */
export interface Bought {
  readonly t: 'bought'
  readonly id: string
  readonly transaction: string
  readonly at: number
}

/** T: the settlement took effect; the intent's charge stands. */
export interface Settled {
  readonly t: 'settled'
  readonly id: string
  readonly transaction: string
  readonly headers: Readonly<Record<string, string>>
  readonly at: number
}

/** X: the settlement did not take effect. The units of a call are wasted. */
export interface Voided {
  readonly t: 'void'
  readonly id: string
  readonly reason: string
  /** Says nothing about the payer. */
  readonly blameless?: true
  readonly at: number
}

/** A charge is reversed into credit of its payer. */
export interface Refunded {
  readonly t: 'refund'
  readonly id: string
  readonly receipt: string
  readonly connection: string
  readonly owner: string
  readonly account: string
  readonly price: string
  readonly platform: string
  readonly at: EpochMs
}

/** A new key in place of another, for the same account; the other is revoked by the same record. */
interface KeyRotated {
  readonly t: 'rotate'
  readonly from: string
  readonly key: KeyCreated['key']
}

/** An entry that sets a mistake right; postings to `liab:credit:<account>` change that account's balance. */
export interface Corrected {
  readonly t: 'correct'
  readonly id: string
  readonly at: number
  readonly reason: string
  readonly ref?: string
  readonly postings: readonly { readonly account: string; readonly amount: string }[]
}

/** A payout, signed and not yet broadcast: from here on the money is in transit. */
export interface PayoutBegun {
  readonly t: 'payout'
  readonly payout: Omit<Payout, 'amount'> & { readonly amount: string }
}

export interface PayoutEnded {
  readonly t: 'payout-end'
  readonly id: string
  readonly state: 'paid' | 'failed'
  /** The block, or why it failed. */
  readonly detail: string
  readonly at: number
}

/** Who did what. Changes no state: it is there to be read. */
export interface Audited {
  readonly t: 'audit'
  readonly at: number
  readonly action: AuditEntry['action']
  readonly actor: AuditEntry['actor']
  readonly owner?: string
  readonly subject: string
  readonly detail: string
}

export function auditedOf({ action, actor, owner, subject, detail }: AuditEntry, at: number): Audited {
  return { t: 'audit', at, action, actor, ...(owner === undefined ? {} : { owner }), subject, detail }
}

export type JournalRecord =
  | OpenRecord
  | KeyCreated
  | KeyRevoked
  | Credited
  | Enabled
  | Leased
  | Wasted
  | External
  | Told
  | NameTaken
  | NameFreed
  | Charged
  | Intended
  | Buying
  | Bought
  | Settled
  | Voided
  | Refunded
  | KeyRotated
  | Corrected
  | PayoutBegun
  | PayoutEnded
  | Audited
