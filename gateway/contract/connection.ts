/** A connection: one owner's subscription, as the configuration describes it. Its credential is not here (gateway/vault). */

import type { CredentialPlace, Operation, Resale } from './adapter.ts'
import { type Ratio, roundedUp, timesRatio, type Units, type Usd } from './money.ts'
import type { EpochMs, PeriodRule } from './time.ts'
import type { Webhook } from './webhook.ts'

export interface Connection {
  readonly name: string
  /** Name of the adapter; connections of one adapter form one pool (a custom connection is a pool of its own). */
  readonly adapter: string
  readonly owner: string
  readonly quota: Units
  readonly reserved: Units
  /** Micro-dollars a unit, exact. */
  readonly baseCost: Ratio
  readonly markup: Ratio
  /** By `unitPriceOf`. */
  readonly unitPrice: Usd
  /** Operation id -> price of one call, instead of units × unitPrice. */
  readonly prices: ReadonlyMap<string, Usd>
  readonly subscriptionCost: Usd | undefined
  readonly period: PeriodRule
  readonly terms: ResaleTerms
  /** Where calls go: the adapter's base or the connection's own; undefined when simulated. */
  readonly baseUrl: string | undefined
  readonly credential: CredentialPlace
  readonly simulated: boolean
  /** What the owner's contract adds to the adapter's list. */
  readonly operations: readonly Operation[]
  /** How its owner is told. */
  readonly notify?: Webhook
  readonly payTo?: string
  /** NAME where the credential is `vault:NAME`. */
  readonly vaultEntry?: string
  /** When it was added or last replaced, as the vault says; not known of one from the environment. */
  readonly credentialAddedAtMs?: EpochMs
}

/** Base cost × markup, rounded up to a micro-dollar, once: nowhere else is a markup rounded. */
export const unitPriceOf = (baseCost: Ratio, markup: Ratio): Usd => roundedUp(timesRatio(baseCost, markup)) as Usd

/** What the owner says of his right to resell: nothing, "confirmed", or a written agreement. */
export type ResaleTerms = 'unstated' | 'confirmed' | { readonly agreement: string }

/** Nothing written sells allowed and attribution; confirmed adds ask; an agreement opens all. */
export const mayResell = (resale: Resale, terms: ResaleTerms): boolean => {
  if (resale === 'allowed' || resale === 'attribution') return true
  if (resale === 'ask') return terms !== 'unstated'
  return typeof terms === 'object'
}
