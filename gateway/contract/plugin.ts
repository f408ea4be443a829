/** What a plugin is: one value with optional hooks; absence means "not asked". */

import type { Alternative, Call, FactName, Facts } from './call.ts'
import type { Claim } from './claim.ts'
import type { Outcome } from './outcome.ts'
import type { Payment, Settlement } from './payment.ts'
import type { PluginPorts } from './ports.ts'
import type { Refusal } from './refusal.ts'
import type { Of, Settings } from './settings.ts'
import type { EpochMs } from './time.ts'

/** A request that is no call: who sent it, and what stands in its head. */
export interface UncalledRequest {
  readonly address: string
  readonly loopback: boolean
  /** Request target as it came. */
  readonly target: string
  /** A request header, joined when repeated; names are lower case. */
  header(name: string): string | undefined
}

/** A good answer of a provider, as a consumer may see it. Whoever keeps one never writes into it. */
export interface KeptAnswer {
  readonly status: number
  /** Flat list, names in lower case. */
  readonly headers: readonly string[]
  readonly body: Buffer
  /** When it came. */
  readonly atMs: EpochMs
}

/** What a plugin has offered outlives the configuration in which it did. */
export interface Quotes {
  /** So long after a reload an offer that was made before it is still taken up. */
  readonly ttlMs: number
  /** Whether a request takes up an offer; whether a good one is judged later. */
  shown(request: UncalledRequest): boolean
}

/** Hooks before the reservation are synchronous by type. A hook that throws refuses the call and gives everything back. */
export interface Hooks {
  /** Givers of the facts that `gives` names. */
  readonly facts?: { readonly [F in FactName]?: (call: Call) => Facts[F] } & Readonly<Record<string, (call: Call) => unknown>>
  /** Before everything else, where something has to be asked outside to know who calls; undefined: nothing has to be. */
  prepare?(call: Call): undefined | Promise<void>
  /** No I/O; facts in, claims out. */
  admit?(call: Call): undefined | Refusal | readonly Claim[]
  /** The reservation stands; ask outside. */
  authorize?(call: Call): Promise<undefined | Refusal>
  /**
   * In place of the provider, once the reservation stands: an answer that it gave through the same connection, or the promise of
   * one; undefined: it is asked. The answer is charged as the provider's would be, and takes none of the owner's units.
   */
  answer?(call: Call, chosen: Alternative): undefined | KeptAnswer | Promise<KeptAnswer | undefined>
  /** What the provider answered well and whole, before it is charged; not what it says must not be stored. Can refuse nothing. */
  answered?(call: Call, chosen: Alternative, answer: KeptAnswer): void
  /** The intent is durable, and the provider answered well or the payment is upfront. */
  settle?(payment: Payment): Promise<Settlement>
  /** What became of a settlement whose outcome is unknown since then; asked again and again until it is known. */
  recover?(payment: Payment, sinceMs: EpochMs): Promise<Settlement>
  /** After the end, exactly once; can refuse nothing. */
  observe?(call: Call, outcome: Outcome): void
  /** Of requests that never became a call (bad path, unknown operation); exactly once each. */
  observeRefused?(request: UncalledRequest, refusal: Refusal): void
  /** Whether one may ask for what is no call and costs work outside (buying credits); no I/O. */
  turnAway?(request: UncalledRequest): undefined | Refusal
  /** Headers (flat list) of every answer to a page of another origin; a preflight is answered with them before everything else. */
  cors?(request: { readonly origin: string; readonly preflight: boolean }): readonly string[]
  /** Where prices are told that somebody comes back to pay. */
  readonly quotes?: Quotes
  /** Works after a failed create, too. */
  close?(): void | Promise<void>
}

/** `price` is needed; `payment?` is used where somebody gives it. */
export type Need = FactName | `${FactName}?` | (string & {})

export interface Plugin<S extends Settings = Settings> {
  readonly name: string
  readonly describe: string
  readonly needs?: readonly Need[]
  /** Each fact given, with the facts that it is computed from. No two facts may need each other. */
  readonly gives?: Readonly<Record<string, readonly Need[]>>
  readonly settings: S
  create(settings: Of<S>, ports: PluginPorts): Hooks
}

/** A plugin's file: `export default definePlugin({...})`. The file's name is its name. */
export const definePlugin = <const S extends Settings>(plugin: Plugin<S>): Plugin<S> => plugin
