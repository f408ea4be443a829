/** Claims and alternatives as the scripts read them: flat lists of text. */
import type { Alternative, Connection, EpochMs, Period, ShareClaim, StoreClaim } from '#contract'
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

export function claimArguments(claims: readonly StoreClaim[], shelves: Shelves): Argument[] {
  const list: Argument[] = []
  let count = 0
  for (const claim of claims) {
    if (claim.kind === 'supply') continue
    count += 1
    if (claim.kind === 'rate') list.push('rate', claim.key, `${claim.rate.everyNs} ${claim.burst} ${claim.of}`)
    else if (claim.kind === 'slot') list.push('slot', claim.key, claim.limit)
    else if (claim.kind === 'spend') list.push('spend', claim.key, money(claim.limit), perOf(claim) === 'day' ? 'd' : 'm')
    else if (claim.kind === 'share') list.push('share', claim.key, ...shelves.shareArguments(claim))
    else if (claim.kind === 'once') list.push('once', claim.key, claim.untilMs)
    else list.push('name', claim.name, claim.digest, claim.untilMs, claim.durable ? '1' : '0')
  }
  return [count, ...list]
}

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
  shareArguments(claim: ShareClaim): Argument[] {
    const list: Argument[] = []
    for (const name of claim.connections) {
      const shelf = this.get(name)
      if (shelf === undefined) continue
      const { connection, period } = shelf
      list.push(`${name}\n${connection.quota} ${connection.reserved} ${period.startMs} ${this.#enabledByDefault ? 1 : 0}`)
    }
    return [sharedPool(claim), tenthMs(claim), claim.millionths, list.length, ...list]
  }

  startMs(name: string, nowMs?: number): EpochMs {
    return this.get(name, nowMs)?.period.startMs ?? (0 as EpochMs)
  }
}
