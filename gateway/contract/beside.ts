/** What moves beside calls: corrections, payouts to owners, and what is used of a quota outside of the gateway. */
import type { Units, Usd } from './money.ts'
import type { EpochMs } from './time.ts'

/** An entry that sets a mistake right. Debit is positive; the postings sum to zero. */
export interface Correction {
  readonly id: string
  readonly reason: string
  /** The entry that was wrong, where it is one. */
  readonly ref?: string
  readonly postings: readonly { readonly account: string; readonly amount: Usd }[]
}

/** A payout as it was signed, durable before it is broadcast. Plain data: it survives a restart. */
export interface Payout {
  readonly id: string
  readonly owner: string
  readonly amount: Usd
  /** CAIP-2 */
  readonly network: string
  readonly asset: string
  readonly from: string
  readonly to: string
  /** The sender's account nonce, a decimal string: a transaction with another one would be another payment. */
  readonly accountNonce: string
  /** The signed transaction, 0x and hex; broadcasting it again is harmless. */
  readonly raw: string
  /** Its hash. */
  readonly transaction: string
  readonly atMs: EpochMs
}

/** By what the chain proves. `paid` and `failed` are for good; everything else is open. */
export type PayoutFate =
  | { readonly state: 'paid'; readonly block: string }
  | { readonly state: 'failed'; readonly reason: string }
  /** `mayBeSent`: no block has it, and its account nonce is not used. */
  | { readonly state: 'open'; readonly because: string; readonly mayBeSent: boolean }

export type PayoutEnd = { readonly state: 'paid'; readonly block: string } | { readonly state: 'failed'; readonly reason: string }

/** At most one payout is under way: whoever wants to begin another ends that one first. */
export interface PayoutDesk {
  open(): Promise<Payout | undefined>
  /** False where one is open, or where `after` payouts are not what there were: somebody else was faster. Resolves when durable. */
  begin(payout: Payout, after: number): Promise<boolean>
  /** Idempotent. Resolves when durable. */
  end(id: string, end: PayoutEnd): Promise<void>
  /** How many have ever begun. */
  count(): Promise<number>
}

/** What a provider's own counter says of a connection. */
export interface CounterReading {
  readonly connection: string
  /** Units used in this period, ours among them. */
  readonly used: Units
  /** No later than the provider was asked. */
  readonly askedAtMs: EpochMs
  /** Units of ours that had been used up before the provider was asked, as an earlier reading found them; undefined: nobody looked. */
  readonly endedBefore: Units | undefined
}

/** How the store stands after a reading. Calls under way may be in the provider's counter or not: they never count as external. */
export interface CounterState {
  readonly external: Units
  /** Units of ours that are used up: sold, own and wasted. */
  readonly ended: Units
  readonly periodStartMs: EpochMs
  /** Undefined where the period never ends. */
  readonly periodEndMs: EpochMs | undefined
}
