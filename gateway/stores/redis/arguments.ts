/** Claims and alternatives as the scripts read them: as text. */
import type { Alternative, Connection, EpochMs, Period, ShareClaim, StoreClaim, SupplyClaim } from '#contract'
import { periodAt } from '../periods.ts'
import { perOf } from '../turns.ts'
import { sharedPool, tenthMs } from '../shares.ts'
import type { Argument } from './link.ts'

/** Beyond this a number in Redis is not exact any more. */
const MOST = BigInt(Number.MAX_SAFE_INTEGER)

/** @throws RangeError */
export function money(amount: bigint): string {
  if (amount > MOST || amount < -MOST) throw new RangeError(`${amount} micro-dollars are more than this store keeps exactly`)
  return amount.toString()
}

/** Ends each word of a form; it occurs in no name and no number. */
const END = '\x1f'

/**
 * What is asked for, in two parts: what is the same for all calls of one kind (the form, one text, which a script gets and
 * reads once for a whole group of moves), and what is this call's own.
 */
export interface Asking {
  readonly form: string
  readonly own: Argument[]
}

export function claimsOf(claims: readonly StoreClaim[], shelves: Shelves): Asking {
  let form = ''
  const own: Argument[] = []
  for (const claim of claims) {
    if (claim.kind === 'supply') continue
    if (claim.kind === 'rate') {
      form += `rate${END}${claim.rate.everyNs}${END}${claim.burst}${END}${claim.of}${END}`
      own.push(claim.key)
    } else if (claim.kind === 'slot') {
      form += `slot${END}${claim.limit}${END}`
      own.push(claim.key)
    } else if (claim.kind === 'spend') {
      form += `spend${END}${money(claim.limit)}${END}${perOf(claim) === 'day' ? 'd' : 'm'}${END}`
      own.push(claim.key)
    } else if (claim.kind === 'share') {
      form += `share${END}${shelves.shared(claim)}`
      own.push(claim.key)
    } else if (claim.kind === 'once') {
      form += `once${END}`
      own.push(claim.key, claim.untilMs)
    } else {
      form += `name${END}`
      own.push(claim.name, claim.digest, claim.untilMs, claim.durable ? '1' : '0')
    }
  }
  return { form, own }
}

/** Alternatives come first in a form. */
export function supplyOf({ payer, alternatives, maxPrice }: SupplyClaim, shelves: Shelves, nowMs: number | undefined): string {
  const payment = payer.by === 'x402' ? money(payer.payment.amount) : ''
  let form = `${payer.by}${END}${maxPrice === undefined ? '' : money(maxPrice)}${END}${payment}${END}${alternatives.length}${END}`
  for (const alternative of alternatives) form += `${shelves.text(alternative, nowMs)}${END}`
  return form
}

/** Of a move without alternatives. */
export const NO_SUPPLY = `${END}${END}${END}0${END}`

/** Connections as configured, each with its period as it was last computed. */
export class Shelves {
  readonly #shelves = new Map<string, { readonly connection: Connection; period: Period }>()
  readonly #now: () => number
  readonly #enabledByDefault: boolean

  constructor(now: () => number, enabledByDefault: boolean) {
    this.#now = now
    this.#enabledByDefault = enabledByDefault
  }

  configure(connections: readonly Connection[]): void {
    this.#shelves.clear()
    for (const connection of connections) this.#shelves.set(connection.name, { connection, period: periodAt(connection.period, this.#now()) })
  }

  /** A call of a former configuration may still offer a connection that is gone: it is not served by that one any more. */
  offered(supply: SupplyClaim): SupplyClaim {
    for (const { connection } of supply.alternatives) if (!this.#shelves.has(connection)) return this.#without(supply)
    return supply
  }

  #without(supply: SupplyClaim): SupplyClaim {
    return { ...supply, alternatives: supply.alternatives.filter(({ connection }) => this.#shelves.has(connection)) }
  }

  [Symbol.iterator](): Iterator<{ readonly connection: Connection; readonly period: Period }> {
    return this.#shelves.values()
  }

  /** In its current period; `nowMs` of the store, where it says that this clock is wrong. Undefined for what is not configured. */
  get(name: string, nowMs: number = this.#now()): { readonly connection: Connection; readonly period: Period } | undefined {
    const shelf = this.#shelves.get(name)
    if (shelf === undefined) return undefined
    const { startMs, endMs } = shelf.period
    if (nowMs < startMs || (endMs !== undefined && nowMs >= endMs)) shelf.period = periodAt(shelf.connection.period, nowMs)
    return shelf
  }

  /** As one text, which is the same for all calls at one price: the script reads it once for all of them. */
  text({ connection: name, owner, units, price }: Alternative, nowMs?: number): string {
    const shelf = this.get(name, nowMs)
    if (shelf === undefined) throw new Error(`connection ${name} is not configured`)
    const { connection, period } = shelf
    const { quota, reserved } = connection
    return `${connection.name}\n${owner}\n${units} ${money(price)} ${quota} ${reserved} ${period.startMs} ${period.endMs ?? 0} ${this.#enabledByDefault ? 1 : 0}`
  }

  /** A connection that turns at this very moment is looked at as it was: of a share that is near enough. */
  shared(claim: ShareClaim): string {
    let list = ''
    let count = 0
    for (const name of claim.connections) {
      const shelf = this.get(name)
      if (shelf === undefined) continue
      const { connection, period } = shelf
      list += `${name}\n${connection.quota} ${connection.reserved} ${period.startMs} ${this.#enabledByDefault ? 1 : 0}${END}`
      count += 1
    }
    return `${sharedPool(claim)}${END}${tenthMs(claim)}${END}${claim.millionths}${END}${count}${END}${list}`
  }

  startMs(name: string, nowMs?: number): EpochMs {
    return this.get(name, nowMs)?.period.startMs ?? (0 as EpochMs)
  }
}
