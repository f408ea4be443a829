/** The moves that take, of the Redis store: reserve, a wallet's second move, the change to another connection; and what is known of a name. */
import type { Alternative, Begun, HoldRequest, Named, PurchaseRequest, Reserved, StoredAnswer, StoreClaim, SupplyClaim, UnitsFate, Usd } from '#contract'
import { NOTHING, PassingMap } from '#contract'
import type { HoldFacts } from '../holds.ts'
import type { Buying, Intended } from '../records.ts'
import { claimsOf, money, NO_SUPPLY, supplyOf } from './arguments.ts'
import { LostError } from './link.ts'
import type { RedisParts } from './parts.ts'
import { heldOf, namedOf, type Question, rateOf, refusedOf, UNAVAILABLE } from './replies.ts'

/** What this process knows of a hold of its own: enough to write its line. */
export interface Held extends HoldFacts {
  connection: string
  owner: string
  units: number
  period: number
  /** Undefined for a purchase of credit alone. */
  alternative: Alternative | undefined
  intent: Intended | Buying | undefined
  /** Settled before the call, which is charged as much. */
  prepaid: Usd | undefined
  answer: StoredAnswer | undefined
  /** Its charge, once it is under way. */
  charging: Promise<void> | undefined
}

const accountOf = ({ payer }: SupplyClaim): string => (payer.by === 'credits' ? payer.account : payer.by === 'x402' ? `wallet:${payer.payment.payer}` : '')

/** All that the call could be served by was removed while it came. */
const GONE: Reserved = {
  ...{ kind: 'refused', code: 'sold_out', detail: 'no connection has units for sale in this period' },
  ...{ retryAfterSeconds: undefined, price: undefined, rate: undefined },
}

export class Taking {
  protected readonly parts: RedisParts
  protected readonly holds = new PassingMap<Held>()

  constructor(parts: RedisParts) {
    this.parts = parts
  }

  async reserve(request: HoldRequest): Promise<Reserved> {
    if (this.parts.failed() !== undefined) return UNAVAILABLE
    const asked = request.claims.find((claim): claim is SupplyClaim => claim.kind === 'supply')
    if (asked === undefined) throw new Error('a reservation without a supply claim')
    const supply = this.parts.shelves.offered(asked)
    if (supply.alternatives.length === 0) return GONE
    const { id } = request
    try {
      return await this.#reserved(request, supply, undefined)
    } catch (error) {
      if (!(error instanceof LostError)) throw error
      // It may have been made all the same.
      this.giveUp(id, 'returned')
      return UNAVAILABLE
    }
  }

  async purchase({ id, claims, key = '', payment }: PurchaseRequest): Promise<Begun> {
    if (this.parts.failed() !== undefined) return UNAVAILABLE
    try {
      const { form, own } = claimsOf(claims, this.parts.shelves)
      const reply = await this.parts.groups.ask({ kind: 'purchase', id, form: NO_SUPPLY + form, args: [key, `wallet:${payment.payer}`, ...own] })
      if (reply[0] === 'named') return (await this.#named(claims, reply)) as Begun
      if (reply[0] !== 'held') return refusedOf(reply, this.#question(claims, undefined))
      const held: Held = {
        ...{ id, alternative: undefined, connection: '', owner: '', units: 0, period: 0, payer: { by: 'x402', payment }, names: [], once: [] },
        ...{ intent: undefined, answer: undefined, prepaid: undefined, charging: undefined },
      }
      keep(held, claims)
      this.holds.set(id, held)
      return { kind: 'begun' }
    } catch (error) {
      if (!(error instanceof LostError)) throw error
      this.giveUp(id, 'returned')
      return UNAVAILABLE
    }
  }

  async #reserved({ id, claims, key = '' }: HoldRequest, supply: SupplyClaim, nowMs: number | undefined): Promise<Reserved> {
    const { shelves, groups } = this.parts
    const { payer } = supply
    const { form, own } = claimsOf(claims, shelves)
    const reply = await groups.ask({ kind: 'reserve', id, form: supplyOf(supply, shelves, nowMs) + form, args: [key, accountOf(supply), ...own] })
    // The clock of the store rules; after one look at it the periods are right.
    if (reply[0] === 'turn') return nowMs === undefined ? this.#reserved({ id, claims, key }, supply, Number(reply[1])) : UNAVAILABLE
    const question = this.#question(claims, supply)
    if (reply[0] === 'named') return this.#named(claims, reply)
    if (reply[0] !== 'held') return refusedOf(reply, question)
    const { chosen, rate, available } = heldOf(reply, question)
    this.holds.set(id, this.#held(id, chosen, supply, claims, nowMs))
    if (payer.by === 'x402' && reply[4] === '1') return { kind: 'held', chosen, rate, upfront: true }
    return payer.by === 'credits' ? { kind: 'held', chosen, rate, available } : { kind: 'held', chosen, rate }
  }

  #held(id: string, alternative: Alternative, { payer }: SupplyClaim, claims: readonly StoreClaim[], nowMs: number | undefined): Held {
    const { connection, owner, units } = alternative
    const held: Held = {
      ...{
        id,
        alternative,
        connection,
        owner,
        units,
        payer,
        names: [],
        once: [],
        intent: undefined,
        answer: undefined,
        prepaid: undefined,
        charging: undefined,
      },
      period: this.parts.shelves.startMs(connection, nowMs),
    }
    keep(held, claims)
    return held
  }

  #question(claims: readonly StoreClaim[], supply: SupplyClaim | undefined): Question {
    const { mirrors, clock } = this.parts
    let resetsAtMs: Question['resetsAtMs']
    for (const { connection } of supply?.alternatives ?? []) {
      if (supply?.payer.by !== 'owner' && !mirrors.stock.enabled(connection)) continue
      const at = mirrors.stock.resetsAtMs(connection)
      if (at !== undefined && (resetsAtMs === undefined || at < resetsAtMs)) resetsAtMs = at
    }
    return { claims, supply, resetsAtMs, nowMs: clock.nowMs() }
  }

  async extend(id: string, claims: readonly StoreClaim[]): Promise<Reserved> {
    const held = this.hold(id)
    const price = held.payer.by === 'x402' ? held.payer.payment.amount : held.payer.by === 'credits' ? priceOf(held) : NOTHING
    const { form, own } = claimsOf(claims, this.parts.shelves)
    const reply = await this.parts.groups.ask({ kind: 'extend', id, form: NO_SUPPLY + form, args: [money(price), ...own] })
    if (reply[0] === 'named') return this.#named(claims, reply)
    if (reply[0] !== 'held') return refusedOf(reply, this.#question(claims, undefined))
    keep(held, claims)
    if (held.alternative === undefined) throw new Error(`hold ${id} is for no call`)
    return { kind: 'held', chosen: held.alternative, rate: rateOf(claims, reply[2]) }
  }

  calling(): void {
    // The reservation stands where it was made: there is nothing more to write before the provider is asked.
  }

  async switch(id: string, to: Alternative, fate: UnitsFate): Promise<boolean> {
    return this.#switched(id, to, fate, undefined)
  }

  async #switched(id: string, to: Alternative, fate: UnitsFate, nowMs: number | undefined): Promise<boolean> {
    const { shelves, groups } = this.parts
    const held = this.holds.get(id)
    if (held === undefined || shelves.get(to.connection) === undefined) return false
    const limit = held.payer.by === 'x402' ? money(held.payer.payment.amount) : money(priceOf(held))
    const reply = await groups.surely({ kind: 'switch', id, args: [fate, limit, shelves.text(to, nowMs)] })
    if (reply[0] === 'turn') return nowMs === undefined ? this.#switched(id, to, fate, Number(reply[1])) : false
    if (reply[0] !== 'yes') return false
    const { connection, owner, units } = to
    Object.assign(held, { alternative: to, connection, owner, units, period: shelves.startMs(connection, nowMs) })
    return true
  }

  async named(name: string, digest: string): Promise<Named> {
    const found = await this.parts.link.command((redis) => redis.hmget(`${this.parts.link.prefix}n:${name}`, 'd', 'r', 's'))
    const [was, receipt, state] = found
    if (was === null || was === undefined) return { state: 'absent' }
    return this.#look(digest, [was, receipt ?? '', state ?? ''])
  }

  async #named(claims: readonly StoreClaim[], [, name = '', was = '', receipt = '', state = '']: readonly string[]): Promise<Reserved> {
    const claim = claims.find((one) => one.kind === 'name' && one.name === name)
    const digest = claim?.kind === 'name' ? claim.digest : ''
    return { kind: 'named', named: await this.#look(digest, [was, receipt, state]), name }
  }

  async #look(digest: string, found: readonly [string, string, string]): Promise<Exclude<Named, { state: 'absent' }>> {
    const [was, receipt, state] = found
    if (was !== digest || state !== 'charged') return namedOf(digest, found, undefined)
    const text = await this.parts.link.command((redis) => redis.get(`${this.parts.link.prefix}r:${receipt}`))
    return namedOf(digest, found, text === null ? undefined : { state: 'stored', answer: JSON.parse(text) as StoredAnswer, receipt })
  }

  /** Its outcome changes nothing for anybody who waits. */
  protected giveUp(id: string, fate: UnitsFate): void {
    this.parts.groups.surely({ kind: 'release', id, args: [fate] }).catch(() => undefined)
  }

  protected hold(id: string): Held {
    const held = this.holds.get(id)
    if (held === undefined) throw new Error(`hold ${id} does not exist`)
    return held
  }
}

/** The most that the call may cost its payer. */
const priceOf = ({ prepaid, alternative }: Held): Usd => prepaid ?? alternative?.price ?? NOTHING

function keep({ names, once }: Held, claims: readonly StoreClaim[]): void {
  for (const claim of claims) {
    if (claim.kind === 'name') names.push(claim)
    else if (claim.kind === 'once') once.push(claim)
  }
}
