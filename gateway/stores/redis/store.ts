/**
 * The Redis store: one script a move, for any number of gateways that share a name. Moves that begin something (taking.ts)
 * are asked once and refused in time; moves that end something are repeated until what became of them is known.
 */
import type { Charge, Payment, Purchase, Refund, Settlement, Store, StoredAnswer, UnitsFate, UnknownSettlement, Usd } from '#contract'
import { withHeaders } from '../answers.ts'
import { CREDIT, fieldsOf, usedNames } from '../holds.ts'
import { lineOf } from '../lines.ts'
import type { Buying, Intended, JournalRecord } from '../records.ts'
import { money } from './arguments.ts'
import type { Argument } from './link.ts'
import type { RedisParts } from './parts.ts'
import { REFUND } from './script-ending.ts'
import { type Held, Taking } from './taking.ts'
import { Waiting } from './waiting.ts'

export class RedisStore extends Taking implements Store {
  readonly keys: Store['keys']
  readonly stock: Store['stock']
  readonly #waiting: Waiting

  constructor(parts: RedisParts) {
    super(parts)
    this.keys = parts.mirrors.keys
    this.stock = parts.mirrors.stock
    this.#waiting = new Waiting((name) => this.#state(name))
  }

  // ---------------------------------------------------------------- ending

  commit(id: string, charge: Charge): Promise<void> {
    const held = this.holds.get(id)
    // Made before: whatever became of it is known, or is being found out.
    if (held === undefined) return this.parts.flushed()
    held.charging ??= this.#charge(held, charge)
    return held.charging
  }

  async #charge(held: Held, charge: Charge): Promise<void> {
    const { id } = held
    const line = lineOf(fieldsOf('charge', held, charge, this.parts.clock.nowMs()))
    const kept = keptAnswer(held, charge.answer)
    const [how] = await this.parts.groups.surely({ kind: 'commit', id, args: [charge.units, money(charge.price), line, ...kept] })
    this.#done(held)
    if (how !== 'charged') throw new Error(`hold ${id} was given up (${how}) before it was charged`)
  }

  async intend(id: string, charge: Charge, payment: Payment): Promise<void> {
    const { clock, groups } = this.parts
    const held = this.hold(id)
    if (held.intent !== undefined) return this.parts.flushed()
    const fields = fieldsOf('intent', held, charge, clock.nowMs())
    const intent: Intended = { ...fields, payment: { ...payment, amount: payment.amount.toString() } }
    const [how] = await groups.surely({ kind: 'intend', id, args: [charge.units, money(charge.price), '', JSON.stringify(intent)] })
    if (how !== 'intended') throw new Error(`hold ${id} was given up (${how}) before its settlement was begun`)
    held.intent = intent
  }

  async buy(id: string, { account, payment }: Purchase): Promise<void> {
    const held = this.hold(id)
    if (held.intent !== undefined) return this.parts.flushed()
    const amount = payment.amount.toString()
    const buying: Buying = { t: 'buy', id, at: this.parts.clock.nowMs(), account, amount, ...usedNames(held), payment: { ...payment, amount } }
    const [how] = await this.parts.groups.surely({ kind: 'intend', id, args: [0, money(payment.amount), account, JSON.stringify(buying)] })
    if (how !== 'intended') throw new Error(`hold ${id} was given up (${how}) before its settlement was begun`)
    held.intent = buying
  }

  async resolve(id: string, settlement: Settlement): Promise<void> {
    return this.parts.doing(this.#resolve(id, settlement))
  }

  async #resolve(id: string, settlement: Settlement): Promise<void> {
    const { clock, groups } = this.parts
    const held = this.holds.get(id)
    const intent = held?.intent ?? (await this.#intentOf(id))
    if (intent === undefined) return
    const at = clock.nowMs()
    if (intent.t === 'buy') return this.#bought(held, intent, settlement)
    const record: JournalRecord | undefined =
      settlement.state === 'settled'
        ? { t: 'settled', id, transaction: settlement.transaction, headers: settlement.headers, at }
        : settlement.state === 'not_settled'
          ? voidOf(id, settlement, at)
          : undefined
    const answer = settlement.state === 'settled' && intent.answer !== undefined ? withHeaders(intent.answer, settlement.headers) : undefined
    const kept = keptAnswer({ names: intent.names.map(({ until }) => ({ untilMs: until })) }, answer)
    const line = record === undefined ? '' : lineOf(record)
    const distrust = settlement.state === 'not_settled' && settlement.blameless !== true ? '1' : ''
    await groups.surely({ kind: 'resolve', id, args: [settlement.state, line, distrust, ...kept] })
    if (record !== undefined && held !== undefined) this.#done(held)
    else if (held !== undefined) this.#waiting.look(held.names.map(({ name }) => name))
  }

  async #bought(held: Held | undefined, { id, account, amount }: Buying, settlement: Settlement): Promise<void> {
    const { clock, groups } = this.parts
    const at = clock.nowMs()
    const record: JournalRecord | undefined =
      settlement.state === 'settled'
        ? { t: 'bought', id, transaction: settlement.transaction, at }
        : settlement.state === 'not_settled'
          ? voidOf(id, settlement, at)
          : undefined
    const line = record === undefined ? '' : lineOf(record)
    const [how] = await groups.surely({ kind: 'bought', id, args: [settlement.state, line] })
    if (held === undefined) return
    if (how === 'prepaid') {
      const names = held.names.map((name) => ({ ...name, durable: true }))
      Object.assign(held, { payer: { by: 'credits', account }, prepaid: BigInt(amount), intent: undefined, once: [], names })
    } else if (record === undefined) this.#waiting.look(held.names.map(({ name }) => name))
    else this.#done(held)
  }

  async #intentOf(id: string): Promise<Intended | Buying | undefined> {
    const text = await this.parts.reading((redis) => redis.get(`${this.parts.link.prefix}i:${id}`))
    return text === null ? undefined : (JSON.parse(text) as Intended | Buying)
  }

  release(id: string, fate: UnitsFate): void {
    const held = this.holds.get(id)
    if (held === undefined) return
    if (held.intent !== undefined) throw new Error(`hold ${id} has an intent to settle and may not be released`)
    this.giveUp(id, fate)
    this.#done(held)
  }

  async refund({ receipt, price, platformShare, ...rest }: Refund): Promise<void> {
    const id = `${receipt}-refund`
    const line = lineOf({ t: 'refund', id, receipt, ...rest, price: price.toString(), platform: platformShare.toString(), at: this.parts.clock.nowMs() })
    await this.parts.doing(this.parts.link.surely(REFUND, [this.parts.testTime(), id, rest.account, money(price), this.parts.ledger, line]))
  }

  // ---------------------------------------------------------------- names, and what is not known

  /** Of a name that somebody waits for. */
  async #state(name: string): Promise<boolean> {
    const state = await this.parts.link.command((redis) => redis.hget(`${this.parts.link.prefix}n:${name}`, 's')).catch(() => 'waiting')
    return state === 'waiting' || state === 'settling'
  }

  ended(name: string): Promise<void> {
    return this.#waiting.ended(name)
  }

  async unknowns(): Promise<readonly UnknownSettlement[]> {
    const { link, process } = this.parts
    const all = await this.parts.reading((redis) => redis.smembers(`${link.prefix}unknown`))
    if (all.length === 0) return []
    const mine = await this.parts.reading((redis) => redis.hmget(`${link.prefix}holds:${process}`, ...all))
    const ids = all.filter((_, index) => mine[index] !== null)
    const found: UnknownSettlement[] = []
    for (const id of ids) {
      const intent = await this.#intentOf(id)
      if (intent === undefined) continue
      const payment = { ...intent.payment, amount: BigInt(intent.payment.amount) as Usd }
      const [what, price] = intent.t === 'buy' ? [CREDIT, intent.amount] : [{ buys: 'call', connection: intent.connection } as const, intent.price]
      found.push({ hold: id, ...what, payment, sinceMs: intent.at as UnknownSettlement['sinceMs'], price: BigInt(price) as Usd })
    }
    return found
  }

  async close(): Promise<void> {
    this.#waiting.close()
    await this.parts.close()
  }

  // ---------------------------------------------------------------- inside

  #done(held: Held): void {
    this.holds.delete(held.id)
    this.#waiting.look(held.names.map(({ name }) => name))
  }
}

const voidOf = (id: string, { reason, blameless }: Extract<Settlement, { state: 'not_settled' }>, at: number): JournalRecord => ({
  ...{ t: 'void', id, reason, at },
  ...(blameless === true ? { blameless } : {}),
})

/** An answer is stored as long as the longest of its names: the text and until when, or nothing. */
function keptAnswer({ names }: { readonly names: readonly { readonly untilMs: number }[] }, answer: StoredAnswer | undefined): readonly Argument[] {
  if (answer === undefined || names.length === 0) return NOTHING_KEPT
  return [JSON.stringify(answer), Math.max(...names.map(({ untilMs }) => untilMs))]
}

const NOTHING_KEPT: readonly Argument[] = []
